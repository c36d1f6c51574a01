// The part of refresh-aggregates that is about operational records: their hourly aggregates, of either kind.
#pragma once

#include "absl/status/status.h"
#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

// Counts every hour that is over and has changed; adds to the report. With from_days every hour since then that has not been
// dropped.
absl::Status RefreshRecords(TaskContext& context, TaskReport& report);

}  // namespace eventstore::housekeeping
