// Checks of values on the command line, with messages that say what would be right.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::eventctl {

// The 36-character form, either case.
bool IsUuid(std::string_view text);

CLI::Validator UuidValidator();
CLI::Validator TimeValidator();
// A whole number in [min, max].
CLI::Validator BetweenValidator(std::int64_t min, std::int64_t max);

}  // namespace eventstore::eventctl
