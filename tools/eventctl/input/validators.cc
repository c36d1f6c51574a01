#include "tools/eventctl/input/validators.h"

#include <charconv>
#include <limits>

#include "tools/eventctl/input/parse_time.h"

namespace eventstore::eventctl {

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (hyphen ? c != '-' : !hex) return false;
  }
  return true;
}

CLI::Validator UuidValidator() {
  return {[](const std::string& text) {
            return IsUuid(text) ? std::string()
                                : "\"" + text + "\" is not a UUID such as 0190a0e2-7c1b-7000-8000-000000000001";
          },
          "UUID"};
}

CLI::Validator TimeValidator() {
  return {[](const std::string& text) {
            // The moment does not matter for whether it is a time.
            return ParseTime(text, SystemTime()) ? std::string() : "\"" + text + "\" is not a time; " + kTimeHelp;
          },
          "TIME"};
}

CLI::Validator BetweenValidator(std::int64_t min, std::int64_t max) {
  return {[min, max](const std::string& text) {
            std::int64_t number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            const bool whole = error == std::errc() && end == text.data() + text.size();
            if (!whole || number < min) {
              return "\"" + text + "\" is not a whole number of at least " + std::to_string(min);
            }
            return number <= max ? std::string() : text + " is too much, the most is " + std::to_string(max);
          },
          "N"};
}

}  // namespace eventstore::eventctl
