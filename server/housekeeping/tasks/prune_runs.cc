#include "server/housekeeping/tasks/prune_runs.h"

#include "fmt/format.h"
#include "server/storage/audit_log.h"
#include "server/storage/housekeeper_store.h"

namespace eventstore::housekeeping {

absl::StatusOr<TaskReport> PruneRuns::Run(TaskContext& context) {
  auto now = storage::DatabaseNow(context.session);
  if (!now.ok()) return now.status();
  const bool dry_run = context.parameters.dry_run;
  auto pruned = storage::PruneRuns(context.session, *now - keep_days_ * domain::kMicrosPerDay, dry_run);
  if (!pruned.ok()) return pruned.status();
  TaskReport report;
  report.counts[dry_run ? "runs_to_forget" : "runs_forgotten"] = *pruned;
  report.summary =
      fmt::format("{} runs older than {} days {}", *pruned, keep_days_, dry_run ? "would be forgotten" : "forgotten");
  if (keep_audit_days_ == 0) return report;
  auto audit = storage::PruneAudit(context.session, *now - keep_audit_days_ * domain::kMicrosPerDay, dry_run);
  if (!audit.ok()) return audit.status();
  if (*audit == 0) return report;
  report.counts[dry_run ? "audit_records_to_forget" : "audit_records_forgotten"] = *audit;
  report.summary += fmt::format("; {} audit records older than {} days, too", *audit, keep_audit_days_);
  return report;
}

}  // namespace eventstore::housekeeping
