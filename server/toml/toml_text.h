// TOML, as it is read wherever we read it: by toml++ (3.3 of Debian 12), kept from what it cannot cope with.
//
// TOML knows no characters beyond ASCII outside of strings and comments. toml++ asks of each whether it is white space, by a
// table that leaves some of them undefined (U+00A1 to U+0499, U+FB26 to U+FEFE: "größe = 5"), and then anything may happen.
// So such a text is refused before toml++ sees it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <toml++/toml.h>

namespace eventstore {

struct TomlFault {
  int line = 0;      // the first is 1
  std::string what;  // may quote the text
};

// Of the first character beyond ASCII that is neither in a comment nor in a string of one line; nothing if there is none.
// Strings of several lines may not have one either: toml++ looks for white space in them, too. A mark of the byte order at
// the very beginning is allowed.
std::optional<TomlFault> BeyondAscii(std::string_view text);

// What is wrong with `text`, or nothing, and then it is in `table`.
std::optional<TomlFault> ParseToml(std::string_view text, toml::table& table);

}  // namespace eventstore
