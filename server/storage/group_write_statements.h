// The writes of a group's turn (group_turns.h), inside its transaction.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/group_turn.h"
#include "server/domain/group_writes.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Parked events, attempts and what came of replays, where `fenced` says so.
absl::Status WriteAnswers(Session& session, const std::string& group, const domain::GroupWrites& writes,
                          const std::vector<bool>& fenced);
// The rows that the plan changes.
absl::Status WriteBuckets(Session& session, const std::string& group, const domain::TurnPlan& plan);

}  // namespace eventstore::storage
