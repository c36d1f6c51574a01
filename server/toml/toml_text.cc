#include "server/toml/toml_text.h"

#include <algorithm>
#include <cstddef>

namespace eventstore {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Whether three quotes stand at `at`, which begin or end a string of several lines.
bool IsTriple(std::string_view text, std::size_t at) {
  return at + 2 < text.size() && text[at + 1] == text[at] && text[at + 2] == text[at];
}

// Past the string of one line that begins with the quote at `at`: after its closing quote, or at the end of its line.
std::size_t PastString(std::string_view text, std::size_t at) {
  const char quote = text[at];
  while (++at < text.size() && text[at] != '\n') {
    if (text[at] == quote) return at + 1;
    if (text[at] == '\\' && quote == '"' && at + 1 < text.size() && text[at + 1] != '\n') ++at;
  }
  return at;
}

// Past the three quotes at `at` that end a string, and up to two before them that belong to it.
std::size_t PastEnd(std::string_view text, std::size_t at) {
  const std::size_t end = at + 3;
  std::size_t past = end;
  while (past < text.size() && past < end + 2 && text[past] == text[at]) ++past;
  return past;
}

}  // namespace

std::optional<TomlFault> BeyondAscii(std::string_view text) {
  std::size_t at = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  int line = 1;
  char several = 0;  // the quote of the string of several lines that we are in
  while (at < text.size()) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) > 0x7F) {
      return TomlFault{line, several != 0
                                 ? "a string of several lines has a character beyond ASCII: write it as \\uXXXX"
                                 : "a character beyond ASCII stands outside of strings and comments: put it in quotes"};
    }
    if (c == '\n') ++line;
    if (several != 0) {
      if (c == several && IsTriple(text, at)) {
        at = PastEnd(text, at);
        several = 0;
      } else {
        const bool escape = c == '\\' && several == '"' && at + 1 < text.size() && text[at + 1] == '"';
        at += escape ? 2 : 1;
      }
    } else if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      if (IsTriple(text, at)) several = c;
      at = several != 0 ? at + 3 : PastString(text, at);
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

std::optional<TomlFault> ParseToml(std::string_view text, toml::table& table) {
  if (auto fault = BeyondAscii(text)) return fault;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return TomlFault{static_cast<int>(error.source().begin.line), std::string(error.description())};
  }
  return std::nullopt;
}

}  // namespace eventstore
