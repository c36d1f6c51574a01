#include "tests/unit/domain/json_text.h"

#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace eventstore::domain {
namespace {

int Roll(int sides) { return *rc::gen::inRange(0, sides); }

std::string Pick(const std::vector<std::string>& choices) { return *rc::gen::elementOf(choices); }

std::string Spaces() { return Pick({"", "", "", " ", "\t", "\n", "\r", "  \n"}); }

std::string Digits(int count) {
  std::string digits;
  for (int i = 0; i < count; ++i) digits.push_back(static_cast<char>('0' + Roll(10)));
  return digits;
}

JsonSpelling Number() {
  const std::string sign = Pick({"", "-"});
  // Not 0, since jsonb drops the sign of -0.
  std::string integer = Digits(1 + Roll(12));
  integer.front() = static_cast<char>('1' + Roll(9));
  if (Roll(2) == 0) return {sign + integer, sign + integer};
  const std::string fraction = Digits(1 + Roll(12));
  const int shift = Roll(static_cast<int>(fraction.size()) + 40);
  const std::string sent =
      sign + integer + '.' + fraction + Pick({"e", "E"}) + Pick({"", "+"}) + Pick({"", "0"}) + std::to_string(shift);
  std::string digits = integer + fraction;
  const std::size_t point = integer.size() + static_cast<std::size_t>(shift);
  if (digits.size() < point) digits.append(point - digits.size(), '0');
  std::string printed = sign + digits.substr(0, point);
  if (point < digits.size()) printed += '.' + digits.substr(point);
  return {sent, printed};
}

JsonSpelling Text() {
  static const std::vector<JsonSpelling> kPieces = {{"a", "a"},
                                                    {"Z9 ", "Z9 "},
                                                    {"\xc3\xa4", "\xc3\xa4"},
                                                    {"\\u00e4", "\xc3\xa4"},
                                                    {"\\n", "\\n"},
                                                    {"\\/", "/"},
                                                    {"/", "/"},
                                                    {"\\\\", "\\\\"},
                                                    {"\\\"", "\\\""},
                                                    {"\\u0041", "A"},
                                                    {"\\u000a", "\\n"},
                                                    {"\\u001f", "\\u001f"},
                                                    {R"(\b\f\r\t)", R"(\b\f\r\t)"},
                                                    {"\x7f", "\x7f"},
                                                    {"\\u20AC", "\xe2\x82\xac"},
                                                    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
                                                    {"\\uD83D\\uDE00", "\xf0\x9f\x98\x80"}};
  JsonSpelling text{"\"", "\""};
  for (int i = Roll(6); i > 0; --i) {
    const JsonSpelling piece = *rc::gen::elementOf(kPieces);
    text.sent += piece.sent;
    text.printed += piece.printed;
  }
  return {text.sent + '"', text.printed + '"'};
}

JsonSpelling Array(int depth);

JsonSpelling Value(int depth) {
  switch (Roll(depth > 0 ? 6 : 4)) {
    case 0:
      return Number();
    case 1:
      return Text();
    case 2:
    case 3: {
      const std::string word = Pick({"true", "false", "null", "0"});
      return {word, word};
    }
    case 4:
      return Array(depth - 1);
    default:
      return RandomJsonObject(depth - 1);
  }
}

JsonSpelling Array(int depth) {
  JsonSpelling array{"[" + Spaces(), "["};
  for (int left = Roll(4); left > 0; --left) {
    const JsonSpelling value = Value(depth);
    array.sent += Spaces() + value.sent + Spaces() + (left > 1 ? "," : "");
    array.printed += value.printed + (left > 1 ? ", " : "");
  }
  return {array.sent + "]", array.printed + "]"};
}

void Damage(std::string& text) {
  using namespace std::string_literals;
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "\\",
                                                   "\\u",
                                                   "0",
                                                   "-",
                                                   "+",
                                                   ".",
                                                   "e",
                                                   "1e",
                                                   "true",
                                                   "nul",
                                                   "\0"s,
                                                   "\xff",
                                                   "\xc0\x80",
                                                   "\xed\xa0\x80",
                                                   "\xf4\x90\x80\x80",
                                                   "\xe2\x82",
                                                   "\xef\xbb\xbf",
                                                   "\x0b",
                                                   "\x0c",
                                                   "\xc2\xa0",
                                                   "/**/",
                                                   "'",
                                                   "NaN",
                                                   "Infinity",
                                                   "\\ud800",
                                                   "\\udfff",
                                                   "\\u0000",
                                                   "\\x",
                                                   "\x01",
                                                   "\x1f",
                                                   "1e308",
                                                   "1e309",
                                                   "-1e-308",
                                                   "1e-309",
                                                   "00"};
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
  switch (Roll(4)) {
    case 0:
    case 1:
      text.insert(at, Pick(kPieces));
      break;
    case 2:
      text.erase(at, 1 + static_cast<std::size_t>(Roll(4)));
      break;
    default:
      text.resize(at);
      break;
  }
}

}  // namespace

JsonSpelling RandomJsonObject(int depth) {
  std::vector<JsonSpelling> keys;
  std::set<std::string> seen;
  for (int left = Roll(4); left > 0; --left) {
    const std::string key = Digits(1 + Roll(4));
    if (seen.insert(key).second) keys.push_back({'"' + key + '"', '"' + key + '"'});
  }
  std::ranges::sort(keys, [](const JsonSpelling& a, const JsonSpelling& b) {
    return a.printed.size() != b.printed.size() ? a.printed.size() < b.printed.size() : a.printed < b.printed;
  });
  JsonSpelling object{Spaces() + "{" + Spaces(), "{"};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const JsonSpelling value = Value(depth);
    const bool more = i + 1 < keys.size();
    object.sent += Spaces() + keys[i].sent + Spaces() + ":" + Spaces() + value.sent + Spaces() + (more ? "," : "");
    object.printed += keys[i].printed + ": " + value.printed + (more ? ", " : "");
  }
  return {object.sent + "}" + Spaces(), object.printed + "}"};
}

std::string RandomJsonLikeText() {
  std::string text = RandomJsonObject(3).sent;
  for (int i = Roll(4); i > 0; --i) Damage(text);
  return text;
}

}  // namespace eventstore::domain
