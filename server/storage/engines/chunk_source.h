// Where the list of chunks comes from; one implementation an engine. A source keeps what it has read, and asks each time
// in one cheap statement whether that is still current.
//
// Two things every source must see to. A list holds each chunk that an event can be in which was committed before it
// was asked for: readers skip what is not in it. And a chunk that was dropped leaves it, or shows as SQLSTATE 42P01 at
// its use, and after Forget() it is gone.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/chunk_list.h"
#include "server/storage/session.h"

namespace eventstore::storage {

class ChunkSource {
 public:
  virtual ~ChunkSource() = default;

  // Thread-safe; `session` is the caller's, and not in a transaction whose snapshot is older than this call.
  virtual absl::StatusOr<std::shared_ptr<const ChunkList>> All(Session& session) = 0;
  virtual void Forget() = 0;
};

// Of a row with change, events, min_position and max_position from column `first` on.
ClosedChunk ClosedFrom(const pqxx::row& row, int first);

// Notes in `chunks` what was closed after change `known`.
absl::Status NoteClosedSince(Session& session, std::int64_t known, ChunkList& chunks);

}  // namespace eventstore::storage
