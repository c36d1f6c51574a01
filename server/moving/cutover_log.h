// The table cutover_log: every step of the move, those that were refused too.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::moving {

enum class StepOutcome { kDone, kRefused, kFailed };

struct LoggedStep {
  std::string who;
  std::string step;
  StepOutcome outcome = StepOutcome::kDone;
  std::string detail;
  std::string at = {};  // ISO 8601, UTC; set by the database
};

// "done", "refused", "failed".
std::string OutcomeName(StepOutcome outcome);

// In the transaction that is open, if one is: then it stays only if that is committed.
absl::Status LogStep(storage::Session& session, const LoggedStep& step);

// The newest `limit`, oldest first.
absl::StatusOr<std::vector<LoggedStep>> ReadLog(storage::Session& session, int limit);

}  // namespace eventstore::moving
