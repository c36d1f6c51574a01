// Writes down what one chunk holds, when nothing can be appended to it any more, and forgets what was dropped.
#pragma once

#include "absl/status/status.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// In a transaction of its own: the rows of the directory and the one that makes them count appear together. The chunk's
// range must lie below store_identity.closed_until. Replaces what is recorded of another table with this range.
absl::Status RecordChunk(Session& session, const Chunk& chunk);

// The same within the caller's transaction, which is to end soon: it holds the row of store_identity.
absl::Status RecordChunkWithin(Session& session, const Chunk& chunk);

// What is recorded of the chunk that starts then, within the caller's transaction.
absl::Status ForgetChunkWithin(Session& session, domain::TimeMicros range_start);

// Deletes the rows of chunks that are not there any more; readers do not use them.
absl::Status ForgetDroppedChunks(Session& session, const ChunkList& chunks);

}  // namespace eventstore::storage
