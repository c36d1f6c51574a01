// How long something may take, as people say it: 500ms, 30s, 5m, 1h.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::eventctl {

// At most about ten years. Nothing: not a duration.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);

// "500 ms", "30 s", "1.5 s": for people.
std::string DurationText(std::chrono::milliseconds time);

// A flag that takes one.
CLI::Option* AddDuration(CLI::App& command, const std::string& name, std::string& value, const std::string& help);

}  // namespace eventstore::eventctl
