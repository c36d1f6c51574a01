#include <algorithm>
#include <cctype>

#include "server/domain/json_object.h"
#include "server/domain/limits.h"
#include "server/domain/uuid.h"
#include "server/domain/validation.h"
#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {
namespace {

// Levels of braces and brackets outside of texts. `json` has been accepted.
int DepthOf(const std::string& json) {
  int depth = 0;
  int deepest = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

std::string CheckJsonObject(const std::string& input) {
  const auto facts = domain::InspectJsonObject(input);
  if (!facts.ok()) {
    const std::string message(facts.status().message());
    if (!absl::IsInvalidArgument(facts.status())) return "refused with another code than InvalidArgument";
    if (message.empty() || !domain::IsValidUtf8(message)) return "the refusal is no text";
    return "";
  }
  const std::size_t first = input.find_first_not_of(" \t\r\n");
  const std::size_t last = input.find_last_not_of(" \t\r\n");
  if (first == std::string::npos || input[first] != '{' || input[last] != '}') return "accepted what is no object";
  if (!domain::IsValidUtf8(input)) return "accepted what is not UTF-8, or has a NUL";
  if (input.find("\\u0000") != std::string::npos && input.find("\\\\u0000") == std::string::npos) {
    return "accepted an escaped NUL";
  }
  if (DepthOf(input) > domain::kMaxJsonDepth) return "accepted too many levels";
  if (facts->normal_bytes < 2) return "counted less than {}";
  return "";
}

std::string CheckUuid(const std::string& input) {
  const auto id = domain::Uuid::Parse(input);
  bool expected = input.size() == 36;
  for (std::size_t i = 0; expected && i < input.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    expected = hyphen ? input[i] == '-' : std::isxdigit(static_cast<unsigned char>(input[i])) != 0;
  }
  if (id.has_value() != expected) return expected ? "refused a UUID" : "accepted what is no UUID";
  if (!id) return "";
  std::string lower = input;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return id->ToString() == lower ? "" : "the id is not the text that was parsed";
}

}  // namespace eventstore::fuzz
