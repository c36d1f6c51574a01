// Repeats of appends that were written longer ago than the writers look for ids (kIdWindow). An append with an exact
// version names the place of its events, so they can be found at any age. Off the write path: it may read old chunks.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "server/domain/append.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// The first result, if `batch` was written before; EVENT_ID_CONFLICT if its ids were, differently; nullopt if it never
// was, and the version conflict stands.
absl::StatusOr<std::optional<domain::AppendBatchResult>> FindOldRepeat(Session& session, ChunkCatalog& chunks,
                                                                       const domain::AppendBatch& batch);

}  // namespace eventstore::storage
