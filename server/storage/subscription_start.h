// Where a subscription begins, and where it may end.
//
// Positions that a subscriber may note are those of events, never the horizon: a crash takes back transaction ids that left
// nothing durable, so an append after it may get a position below a horizon of before. It never gets one below an event
// that was visible.
#pragma once

#include "absl/status/statusor.h"
#include "server/domain/query.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// What is settled now.
struct Settled {
  domain::Position horizon = 0;  // exclusive; of this moment
  domain::Position last = 0;     // the greatest position of an event below it; 0: there is none
};

absl::StatusOr<Settled> ReadSettled(Session& session, ChunkCatalog& chunks);

// Exclusive: the subscription begins after it. A position at or above the horizon, or one that a restore took back, is
// POSITION_AHEAD, one below events that were dropped is EVENTS_DROPPED.
absl::StatusOr<domain::Position> FindStart(Session& session, ChunkCatalog& chunks,
                                           const domain::SubscriptionStart& start);

}  // namespace eventstore::storage
