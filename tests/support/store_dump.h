// A store goes into another cluster with pg_dump and pg_restore, as docs/operations.md says.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace eventstore::testing {

// Writes the database to a file of this name in `folder`. It may be in use.
absl::Status DumpStore(const std::string& conninfo, const std::string& folder, const std::string& file);
// Into an empty database.
absl::Status RestoreStore(const std::string& conninfo, const std::string& folder, const std::string& file);

}  // namespace eventstore::testing
