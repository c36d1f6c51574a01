#include "server/housekeeping/task_list.h"

#include <utility>

#include "server/housekeeping/tasks/compression.h"
#include "server/housekeeping/tasks/partition_maintenance.h"
#include "server/housekeeping/tasks/prune_runs.h"
#include "server/housekeeping/tasks/record_retention.h"
#include "server/housekeeping/tasks/refresh_aggregates.h"
#include "server/housekeeping/tasks/retention.h"
#include "server/housekeeping/tasks/stale_workers.h"
#include "server/housekeeping/tasks/verify_sample.h"

namespace eventstore::housekeeping {

TaskList MakeTasks(const TaskSettings& settings, const std::string& conninfo, const std::string& edition,
                   const storage::Partitions& partitions) {
  TaskList tasks;
  const auto add = [&](std::unique_ptr<Task> task, const char* schedule, int minutes, bool always_at_start = false) {
    tasks.push_back({.task = std::move(task),
                     .schedule = schedule,
                     .time_limit = std::chrono::minutes{minutes},
                     .always_at_start = always_at_start});
  };
  add(std::make_unique<PartitionMaintenance>(partitions, edition), "0 2 * * *", 10, true);
  // What is counted here must be counted before retention drops it, so it comes first.
  add(std::make_unique<RefreshAggregates>(), "0 * * * *", 120);
  add(std::make_unique<RetentionTask>(settings.retention), "0 2 * * *", 240);
  add(std::make_unique<RecordRetention>(settings.retention), "0 2 * * *", 240);
  add(std::make_unique<Compression>(partitions, edition, settings.compress_after_days), "0 2 * * *", 240);
  add(std::make_unique<StaleWorkers>(settings.worker_timeout), "*/5 * * * *", 1);
  add(std::make_unique<VerifySample>(conninfo), "0 2 * * *", 10);
  add(std::make_unique<PruneRuns>(settings.keep_runs_days, settings.keep_audit_days), "0 2 * * *", 10);
  return tasks;
}

std::map<std::string, std::string> Descriptions(const TaskList& tasks) {
  std::map<std::string, std::string> descriptions;
  for (const auto& entry : tasks) descriptions.emplace(entry.task->name(), entry.task->description());
  return descriptions;
}

}  // namespace eventstore::housekeeping
