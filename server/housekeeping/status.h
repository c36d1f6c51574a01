// What the housekeeper knows of the store and of itself, kept in memory for whoever shows it (metrics, health): asking costs
// no query. The housekeeper looks anew by itself, twice a minute and after each run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/task_run.h"
#include "server/domain/time.h"
#include "server/housekeeping/partition_summary.h"

namespace eventstore::housekeeping {

struct TaskStatus {
  std::string name;
  bool enabled = true;
  bool running = false;  // on any instance
  // Of the last run on any instance, the one that is running included; nothing: it never ran.
  std::optional<domain::RunStatus> last_status;
  std::optional<domain::TimeMicros> last_started;
  std::optional<domain::TimeMicros> last_finished;  // of that run; nothing while it runs
  std::optional<domain::TimeMicros> last_success;   // when it started
  int failures = 0;                                 // in a row
  bool overdue = false;                             // it should have succeeded by now, and time to try again
  // Runs that ended on this instance since it started: only ever grows. Every status but running is there.
  std::map<domain::RunStatus, std::int64_t> runs;
};

struct Status {
  domain::TimeMicros taken_at = 0;  // by the database's clock; 0: not looked yet
  PartitionSummary partitions;
  std::vector<TaskStatus> tasks;  // by name
};

// Thread-safe.
class StatusBoard {
 public:
  // Never null. What is handed out does not change any more.
  std::shared_ptr<const Status> Get() const {
    const std::scoped_lock lock(mutex_);
    return status_;
  }
  void Set(Status status) {
    auto next = std::make_shared<const Status>(std::move(status));
    const std::scoped_lock lock(mutex_);
    status_ = std::move(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Status> status_ = std::make_shared<const Status>();
};

}  // namespace eventstore::housekeeping
