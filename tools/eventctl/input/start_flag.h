// Where to begin, as people say it: beginning, now, a position, or a time.
#pragma once

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"

namespace eventstore::eventctl {

inline constexpr char kStartHelp[] =
    "beginning, now, a position, or a time: 2026-11-21, 2026-11-21T14:00Z, 15m 2h 7d ago";

// A position is all digits, which no time is.
inline std::optional<std::int64_t> ParsePosition(const std::string& text) {
  std::int64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc() || end != text.data() + text.size() || position < 0) return std::nullopt;
  return position;
}

inline CLI::Option* AddStart(CLI::App& command, const std::string& name, std::string& value, const std::string& help) {
  return AddFlag(command, name, value, "START", help)->check([](const std::string& text) {
    const bool known = text == "beginning" || ParsePosition(text) || ParseTime(text, SystemTime());
    return known ? std::string() : "\"" + text + "\" is not " + kStartHelp;
  });
}

// Of a text that has passed the check, into any request with this oneof.
template <typename Request>
void SetStart(const std::string& text, Request& request) {
  if (text == "beginning") {
    request.mutable_from_beginning();
  } else if (text == "now") {
    request.mutable_from_now();
  } else if (const auto position = ParsePosition(text)) {
    request.set_from_position(*position);
  } else if (const auto time = ParseTimeFlag(text)) {
    *request.mutable_from_time() = *time;
  }
}

}  // namespace eventstore::eventctl
