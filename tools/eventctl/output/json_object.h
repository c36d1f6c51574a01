// One JSON object on one line, member by member.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include "tools/eventctl/input/raw_json.h"

namespace eventstore::eventctl {

class JsonObject {
 public:
  JsonObject& Add(std::string_view name, std::string_view value) { return AddRaw(name, JsonString(value)); }
  JsonObject& Add(std::string_view name, const char* value) { return Add(name, std::string_view(value)); }
  JsonObject& Add(std::string_view name, std::integral auto value) {
    if constexpr (std::same_as<decltype(value), bool>) return AddRaw(name, value ? "true" : "false");
    return AddRaw(name, std::to_string(value));
  }
  // null when empty: every object of a kind has the same members.
  JsonObject& AddOrNull(std::string_view name, std::string_view value) {
    return value.empty() ? AddRaw(name, "null") : Add(name, value);
  }
  // `json` is JSON text already.
  JsonObject& AddRaw(std::string_view name, std::string_view json) {
    if (text_.size() > 1) text_ += ',';
    text_.append(JsonString(name)).append(":").append(json);
    return *this;
  }

  std::string Text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

// "[a,b]" of JSON texts.
template <typename Items, typename ToJson>
std::string JsonArray(const Items& items, ToJson to_json) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += to_json(item);
  }
  return text + "]";
}

}  // namespace eventstore::eventctl
