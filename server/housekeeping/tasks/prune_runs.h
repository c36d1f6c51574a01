// Forgets old runs, so that the record of runs does not grow for ever. The last run and the last success of each task stay.
// And likewise the audit log, all of what is old.
#pragma once

#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

class PruneRuns final : public Task {
 public:
  // `keep_audit_days` 0: the audit log is kept for ever.
  PruneRuns(int keep_days, int keep_audit_days) : keep_days_(keep_days), keep_audit_days_(keep_audit_days) {}

  std::string_view name() const override { return "prune-housekeeper-runs"; }
  std::string_view description() const override {
    return "forgets runs older than keep_runs_days, but for the last run and the last success of each task, and what "
           "is "
           "older than keep_audit_days of the audit log";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const int keep_days_;
  const int keep_audit_days_;
};

}  // namespace eventstore::housekeeping
