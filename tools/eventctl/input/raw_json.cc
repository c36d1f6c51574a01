#include "tools/eventctl/input/raw_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ranges>

namespace eventstore::eventctl {
namespace {

using nlohmann::json;

// Walks over text that is known to be JSON.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void Step() { ++at_; }

  std::string_view String() {
    const std::size_t begin = at_++;
    while (text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string_view Value() {
    if (Peek() == '"') return String();
    const std::size_t begin = at_;
    if (Peek() == '{' || Peek() == '[') {
      int depth = 0;
      do {
        const char c = Peek();
        if (c == '"') {
          String();
          continue;
        }
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at_;
      } while (depth > 0);
    } else {
      while (at_ < text_.size() && std::string_view(",]} \t\r\n").find(text_[at_]) == std::string_view::npos) ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// `literal`, a JSON string, as text. Most have no escapes, and need no parser.
std::string Unquoted(std::string_view literal) {
  if (literal.find('\\') == std::string_view::npos) return std::string(literal.substr(1, literal.size() - 2));
  return json::parse(literal).get<std::string>();
}

bool IsPlain(char c) { return c >= ' ' && c < '\x7f' && c != '"' && c != '\\'; }

}  // namespace

std::optional<RawObject> RawObject::Parse(std::string_view text) {
  if (!json::accept(text)) return std::nullopt;
  Walker walker(text);
  walker.SkipSpace();
  if (walker.Peek() != '{') return std::nullopt;
  walker.Step();
  RawObject object;
  walker.SkipSpace();
  while (walker.Peek() == '"') {
    const std::string name = Unquoted(walker.String());
    walker.SkipSpace();
    walker.Step();  // the colon
    walker.SkipSpace();
    object.members_.emplace_back(name, walker.Value());
    walker.SkipSpace();
    if (walker.Peek() == ',') walker.Step();
    walker.SkipSpace();
  }
  return object;
}

std::optional<std::string_view> RawObject::Find(std::string_view name) const {
  const auto last_first = std::views::reverse(members_);
  const auto found = std::ranges::find_if(last_first, [&](const auto& m) { return m.first == name; });
  if (found == last_first.end() || found->second == "null") return std::nullopt;
  return found->second;
}

std::optional<std::string> RawObject::FindString(std::string_view name) const {
  const auto value = Find(name);
  if (!value || value->front() != '"') return std::nullopt;
  return Unquoted(*value);
}

std::string WithMember(std::string_view object, std::string_view name, std::string_view string_value) {
  const std::size_t open = object.find('{');
  const std::size_t next = object.find_first_not_of(" \t\r\n", open + 1);
  const bool empty = object[next] == '}';
  std::string result = "{" + JsonString(name) + ": " + JsonString(string_value);
  result += empty ? "" : ", ";
  return result.append(object.substr(next));
}

std::string JsonString(std::string_view text) {
  if (std::ranges::all_of(text, IsPlain)) return '"' + std::string(text) + '"';
  return json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace eventstore::eventctl
