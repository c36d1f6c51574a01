// The SQL of an append transaction, one function a statement, in the order a lane writer runs them:
//
//   BEGIN + lane locks (lane_lock.h) -> ReadHeads -> FindStored -> domain::Decide -> WritePlan -> COMMIT
//
// The locks come first and in a statement of their own: a statement's snapshot is older than a lock taken inside it, so
// heads read in the same statement could be stale.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/decide.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// How far back event ids are looked up, by the database's clock. A repeat with an exact version is recognised at any
// age (old_repeat.h); `any_version` and `existing` within this window.
inline constexpr domain::TimeMicros kIdWindow = domain::kMicrosPerDay;

struct Before {
  domain::Heads heads;
  domain::Stamp stamp;
};

// Heads of every aggregate the requests name, the database's clock, and this transaction's id (assigned here).
absl::StatusOr<Before> ReadHeads(Session& session, std::span<const domain::AppendBatch* const> requests);

// Events of the requests whose ids are stored with a time after `since`.
absl::StatusOr<domain::StoredEvents> FindStored(Session& session, std::span<const domain::AppendBatch* const> requests,
                                                domain::TimeMicros since);

// Writes all rows and heads in one statement. An error when a head is not as the plan found it: somebody wrote without
// holding the lane.
absl::Status WritePlan(Session& session, const domain::AppendPlan& plan);

}  // namespace eventstore::storage
