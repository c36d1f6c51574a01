#include "tools/eventctl/input/duration.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {
namespace {

constexpr std::int64_t kLongest = std::int64_t{10} * 366 * 86'400'000;

std::int64_t MillisecondsIn(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return 1'000;
  if (unit == "m") return 60'000;
  if (unit == "h") return 3'600'000;
  return 0;
}

}  // namespace

std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  std::int64_t count = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, count);
  if (error != std::errc() || count < 0) return std::nullopt;
  const std::int64_t unit = MillisecondsIn(std::string_view(end, static_cast<std::size_t>(last - end)));
  if (unit == 0 || count > kLongest / unit) return std::nullopt;
  return std::chrono::milliseconds(count * unit);
}

std::string DurationText(std::chrono::milliseconds time) {
  if (time.count() < 1'000) return fmt::format("{} ms", time.count());
  return fmt::format("{:g} s", static_cast<double>(time.count()) / 1'000);
}

CLI::Option* AddDuration(CLI::App& command, const std::string& name, std::string& value, const std::string& help) {
  return AddFlag(command, name, value, "DURATION", help)->check([](const std::string& text) {
    return ParseDuration(text) ? std::string() : "\"" + text + "\" is not a duration such as 500ms, 30s, 5m or 1h";
  });
}

}  // namespace eventstore::eventctl
