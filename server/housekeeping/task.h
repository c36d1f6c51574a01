// One kind of upkeep. A task is asked to run by a schedule, by an operator, or at the start of the server; of all
// instances one runs a task at a time, under the task's advisory lock, and every run is recorded in housekeeper_runs.
//
// A task may be killed at any point: what it does is committed in steps of which each leaves the store whole, and the
// next run finds by looking what is left to do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/storage/session.h"

namespace eventstore::housekeeping {

struct TaskProgress {
  std::string doing;  // "archiving 2026-08-01", for people
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: not known
};

// What an operator may say for one run; a scheduled run has the defaults.
struct TaskParameters {
  bool dry_run = false;  // say what would be done, do nothing
  std::optional<int> retention_days = std::nullopt;
  // Of days from today, for partition-maintenance.
  std::optional<int> from_days = std::nullopt;
  std::optional<int> to_days = std::nullopt;
};

struct TaskContext {
  storage::Session& session;  // connected; not in a transaction; lock_timeout and statement_timeout are the runner's
  const domain::Clock& clock;
  TaskParameters parameters;
  std::function<void(const TaskProgress&)> progress;
  // The server stops, the time limit is over, or the operator has gone: end after the step at hand.
  std::function<bool()> stop;
  // A backend beside the session's own that is to be cancelled with it; 0: there is none any more. May be empty.
  std::function<void(int backend_pid)> beside = nullptr;
};

struct TaskReport {
  std::map<std::string, std::int64_t> counts;  // recorded as JSON; "partitions_created", "events_archived"
  std::string summary;                         // one line for people
  bool skipped = false;                        // there is nothing to do on this engine, or with these settings
};

class Task {
 public:
  virtual ~Task() = default;
  virtual std::string_view name() const = 0;  // "partition-maintenance"
  virtual std::string_view description() const = 0;
  virtual absl::StatusOr<TaskReport> Run(TaskContext& context) = 0;
};

}  // namespace eventstore::housekeeping
