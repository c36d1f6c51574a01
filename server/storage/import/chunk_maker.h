// Chunks of another length than the store's own, for a past that is imported: ten sparse years need not be 3,650 days.
// The store's interval is as it was outside of the transaction that makes one, so appends that go on meanwhile have their days, and a kill leaves nothing to set
// back.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "server/domain/time.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Makes a chunk of `interval`, counted from 1970 and cut where others begin, for each of `times`, ascending, that has none;
// not where it would reach into today (UTC). Others come with their insert.
absl::Status MakeChunks(Session& session, ChunkCatalog& catalog, std::span<const domain::TimeMicros> times,
                        domain::TimeMicros interval);

}  // namespace eventstore::storage
