// Which consumer groups still need events that are to be dropped.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// The names of the groups that have not answered an event of this chunk that they ask for, or have parked one: it would
// be lost to them. An idle bucket that is far behind needs nothing that is not its own.
absl::StatusOr<std::vector<std::string>> GroupsThatNeed(Session& session, const Chunk& chunk);

}  // namespace eventstore::storage
