// Opens closed chunks again, so that events may be written into them. How no reader misses those events:
//
//   (1) the writer holds the closer's lock, shared (closer_lock.h), from before (2) until it has committed: meanwhile no
//       chunk is recorded, and afterwards the closer records what was opened as it records any other.
//   (2) here, in a transaction of its own: the chunk's row of closed_chunks goes, store_identity.closed_changes counts
//       one more, and reopened_change says that this one opened something.
//   (3) the writer writes and commits.
//
// A reader takes its horizon, if it has one, then looks at store_identity (the stamp of ChunkCatalog) and reads its list
// of chunks anew if something was opened since. What was committed before it took the horizon, or before it began, was
// opened before that, so it finds the chunk open and looks into it. A reader whose list is older than (2) began before
// (3): what it does not see came after it began.
//
// The directory keeps what it has of the chunk until it is recorded again. For a reader with a list from before, that is
// still all that the chunk held then; for one with a new list it is not asked.
#pragma once

#include <span>

#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Those that hold one of `times`, in any order; how many there were. The caller holds the closer's lock, on a connection
// that it writes with; `session` is another one, outside of any transaction.
absl::StatusOr<int> ReopenChunks(Session& session, std::span<const domain::TimeMicros> times);

}  // namespace eventstore::storage
