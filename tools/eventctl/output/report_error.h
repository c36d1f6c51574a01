// Errors: what happened, to what, and what to do next. On standard error; with --json one object there.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

// `doing`: what was tried, as in "append to aggregate 7f…". Sets and returns the exit code.
ExitCode ReportError(Context& context, const std::string& doing, const absl::Status& status);

// The command line is wrong in a way the parser cannot see.
ExitCode ReportUsage(Context& context, const std::string& message);

// A remark that is no error: on standard error, not with --json.
void Hint(Context& context, const std::string& text);

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace eventstore::eventctl
