// Text given on the command line: as it is, @FILE, or - for standard input.
#pragma once

#include <istream>
#include <string>

#include "absl/status/statusor.h"

namespace eventstore::eventctl {

// "-" reads `input` to its end, "@FILE" the file; anything else is the text itself.
absl::StatusOr<std::string> TextFrom(const std::string& argument, std::istream& input);

}  // namespace eventstore::eventctl
