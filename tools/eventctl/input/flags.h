// The kinds of flags that the commands have, each with its check, its message and its look in the help.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "tools/eventctl/input/validators.h"

namespace eventstore::eventctl {

inline constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

// `look`: what stands for the value in the help, as in "--user USER".
template <typename Value>
CLI::Option* AddFlag(CLI::App& command, const std::string& name, Value& value, const std::string& look,
                     const std::string& help) {
  return command.add_option(name, value, help)->option_text(look);
}

// May be given several times; each takes one value, so that an argument after it is not swallowed.
inline CLI::Option* AddList(CLI::App& command, const std::string& name, std::vector<std::string>& values,
                            const std::string& look, const std::string& help) {
  return command.add_option(name, values, help + "; may be repeated")->allow_extra_args(false)->option_text(look);
}

inline CLI::Option* AddUuid(CLI::App& command, const std::string& name, std::string& value, const std::string& help) {
  return AddFlag(command, name, value, "UUID", help)->check(UuidValidator());
}

inline CLI::Option* AddTime(CLI::App& command, const std::string& name, std::string& value, const std::string& help) {
  return AddFlag(command, name, value, "TIME", help)->check(TimeValidator());
}

// A whole number from `min` to `max`.
template <typename Number>
CLI::Option* AddNumber(CLI::App& command, const std::string& name, Number& value, std::int64_t min, std::int64_t max,
                       const std::string& help) {
  return AddFlag(command, name, value, "N", help)->check(BetweenValidator(min, max));
}

// `text` with what holds for every command.
inline void AddFooter(CLI::App& command, const std::string& text) {
  command.footer(text + "\n\nAlso --server HOST:PORT, --json and --timeout SECONDS; see `eventctl --help`.");
}

// " (default 4)"
template <typename Value>
std::string Default(const Value& value) {
  if constexpr (std::is_arithmetic_v<Value>) {
    return " (default " + std::to_string(value) + ")";
  } else {
    return " (default " + value + ")";
  }
}

}  // namespace eventstore::eventctl
