// Forgets old runs, so that the record of runs does not grow for ever. The last run and the last success of each task stay.
#pragma once

#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

class PruneRuns final : public Task {
 public:
  explicit PruneRuns(int keep_days) : keep_days_(keep_days) {}

  std::string_view name() const override { return "prune-housekeeper-runs"; }
  std::string_view description() const override {
    return "forgets runs older than keep_runs_days, but for the last run and the last success of each task";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const int keep_days_;
};

}  // namespace eventstore::housekeeping
