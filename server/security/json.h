// JSON values of jansson, which rhonabwy brings along, with owners.
#pragma once

#include <jansson.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::security {

struct JsonRelease {
  void operator()(json_t* value) const { json_decref(value); }
};
using Json = std::unique_ptr<json_t, JsonRelease>;

// Null when it is no JSON, or a member comes twice: readers would differ in which one counts.
inline Json ParseJson(std::string_view text) {
  json_error_t ignored;
  return Json(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &ignored));
}

inline std::optional<std::string> TextOf(const json_t* value) {
  if (!json_is_string(value)) return std::nullopt;
  return std::string(json_string_value(value), json_string_length(value));
}

}  // namespace eventstore::security
