// The tasks of a server, and what each is by default. A new task is one file in tasks/ and one entry in MakeTasks().
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/housekeeping/task.h"
#include "server/housekeeping/tasks/retention.h"
#include "server/storage/partitions.h"

namespace eventstore::housekeeping {

struct TaskEntry {
  std::unique_ptr<Task> task;
  // Defaults: what the row of housekeeper_tasks says goes before them.
  std::string schedule = "0 2 * * *";
  std::chrono::seconds time_limit{3'600};
  bool enabled = true;
  bool always_at_start = false;
};
using TaskList = std::vector<TaskEntry>;

struct TaskSettings {
  int compress_after_days = 0;  // 0: nothing is compressed
  int keep_runs_days = 90;
  int keep_audit_days = 400;                // 0: for ever
  std::chrono::seconds worker_timeout{60};  // 0: workers are never stale
  RetentionOptions retention;               // without rules nothing is over
};

// In the order in which they run when several are due. `partitions` outlives them.
TaskList MakeTasks(const TaskSettings& settings, const std::string& conninfo, const std::string& edition,
                   const storage::Partitions& partitions);

// Name -> description.
std::map<std::string, std::string> Descriptions(const TaskList& tasks);

}  // namespace eventstore::housekeeping
