// Workers that went away without a word: what has sent no heartbeat for worker_timeout_seconds becomes inactive, which
// leaves a row in worker_history. Its next heartbeat makes it active again. What becomes of its executions is their
// platform's to decide.
//
// A database that was away itself could take no heartbeats, so nobody is judged before it has been up for that long.
#pragma once

#include <chrono>

#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

class StaleWorkers final : public Task {
 public:
  // 0: never.
  explicit StaleWorkers(std::chrono::seconds timeout) : timeout_(timeout) {}

  std::string_view name() const override { return "stale-workers"; }
  std::string_view description() const override {
    return "makes workers inactive that have sent no heartbeat for worker_timeout_seconds";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const std::chrono::seconds timeout_;
};

}  // namespace eventstore::housekeeping
