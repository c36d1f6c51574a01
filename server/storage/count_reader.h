// Exact counts, chunk by chunk: memory is bounded by the number of groups, locks by one chunk. What the directory of
// closed chunks says is added up without opening them.
#pragma once

#include "absl/status/statusor.h"
#include "server/domain/query.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Counts what was committed when the call began; events that commit meanwhile may or may not be in it.
// LIMIT_EXCEEDED above domain::kMaxGroups groups.
absl::StatusOr<domain::CountResult> CountEvents(Session& session, ChunkCatalog& catalog,
                                                const domain::CountQuery& query);

}  // namespace eventstore::storage
