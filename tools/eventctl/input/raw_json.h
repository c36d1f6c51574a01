// The members of a JSON object as text, without taking the values apart: a number with forty digits goes through as it
// is, which a parser that makes doubles of numbers would not grant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::eventctl {

class RawObject {
 public:
  // Nothing: `text` is not JSON, or not an object. The object refers to `text`, which must outlive it.
  static std::optional<RawObject> Parse(std::string_view text);

  // The value's text, of the last member of that name as in PostgreSQL. Nothing: there is none, or it is null.
  std::optional<std::string_view> Find(std::string_view name) const;

  // The text of a string value, unescaped. Nothing: there is none, or it is not a string.
  std::optional<std::string> FindString(std::string_view name) const;

  bool empty() const { return members_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string_view>> members_;
};

// `object`, the text of a JSON object, with one more member. The caller has made sure that it has none of that name.
std::string WithMember(std::string_view object, std::string_view name, std::string_view string_value);

// A JSON string literal. Invalid UTF-8 is replaced.
std::string JsonString(std::string_view text);

}  // namespace eventstore::eventctl
