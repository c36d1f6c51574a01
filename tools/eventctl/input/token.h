// The key or token that goes with each call, from where it does not show: flags are seen in the list of processes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "eventstore/token.h"

namespace eventstore::eventctl {

// What a file holds, without the white space around it. INVALID_ARGUMENT when it cannot be read, is empty, or holds more than
// one line.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// From the file, which is read for each call, so that it may change; without one from the variable EVENTSTORE_TOKEN; null
// without either.
client::TokenProvider TokenFrom(const std::string& path);

}  // namespace eventstore::eventctl
