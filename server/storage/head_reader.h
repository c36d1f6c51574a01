// Heads, for readers.
#pragma once

#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Version 0 when there is no such aggregate.
absl::StatusOr<domain::AggregateHead> ReadHead(Session& session, const domain::Uuid& aggregate_id);

// As ReadHead, and once more when the connection had died unnoticed.
absl::StatusOr<domain::AggregateHead> ReadHeadAgain(Session& session, const domain::Uuid& aggregate_id);

// The database's clock: the one event timestamps are made with.
absl::StatusOr<domain::TimeMicros> ReadClock(Session& session);

}  // namespace eventstore::storage
