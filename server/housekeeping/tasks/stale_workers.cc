#include "server/housekeeping/tasks/stale_workers.h"

#include "absl/strings/str_join.h"
#include "fmt/format.h"
#include "server/storage/operations/worker_store.h"

namespace eventstore::housekeeping {

absl::StatusOr<TaskReport> StaleWorkers::Run(TaskContext& context) {
  TaskReport report;
  if (timeout_ == std::chrono::seconds::zero()) {
    report.skipped = true;
    report.summary = "worker_timeout_seconds is 0: workers are never stale";
    return report;
  }
  const bool dry_run = context.parameters.dry_run;
  auto stale = storage::RetireStaleWorkers(context.session, timeout_, dry_run);
  if (!stale.ok()) return stale.status();
  report.counts[dry_run ? "workers_stale" : "workers_retired"] = static_cast<std::int64_t>(stale->size());
  report.summary = stale->empty()
                       ? fmt::format("no worker has been silent for {} s", timeout_.count())
                       : fmt::format("silent for {} s, {}: {}", timeout_.count(),
                                     dry_run ? "would become inactive" : "inactive now", absl::StrJoin(*stale, ", "));
  return report;
}

}  // namespace eventstore::housekeeping
