// Which hours of the domain's events have changed since events_hourly was refreshed. By positions, of which none is ever
// skipped.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/domain/time.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Nothing in the chunk has a position above `after`.
bool NothingAfter(const Chunk& chunk, domain::Position after);

// Starts of the hours with events of this chunk that have a greater position than `after`, or are of `from` or later. A
// dropped chunk has none.
absl::StatusOr<std::vector<domain::TimeMicros>> ChangedEventHours(Session& session, const Chunk& chunk,
                                                                  domain::Position after, domain::TimeMicros from);

// Of all chunks that overlap `range`, ascending, each hour once.
absl::StatusOr<std::vector<domain::TimeMicros>> EventHoursAfter(Session& session, ChunkCatalog& catalog,
                                                                domain::Position after, const domain::TimeRange& range);

}  // namespace eventstore::storage
