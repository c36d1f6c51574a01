// How far a consumer group is behind.
#pragma once

#include "absl/status/status.h"
#include "server/domain/consumer_group.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Fills in the lag: events that match, lie beyond the place of their bucket and are not parked. Counts up to
// kMaxLagCounted, and looks at no more than a few times as many.
absl::Status CountLag(Session& session, ChunkCatalog& chunks, domain::Group& group);

}  // namespace eventstore::storage
