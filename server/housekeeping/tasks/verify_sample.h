// Looks whether the store keeps its promises, in bounded time: the newest chunk as `eventctl verify` does it, and a hundred
// aggregates drawn by lot, the last thousand events of each. What is found fails the run; `eventctl verify` then says all.
#pragma once

#include <string>
#include <utility>

#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

class VerifySample final : public Task {
 public:
  explicit VerifySample(std::string conninfo) : conninfo_(std::move(conninfo)) {}

  std::string_view name() const override { return "verify-sample"; }
  std::string_view description() const override {
    return "checks versions, order and heads in the newest chunk and in aggregates drawn by lot";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  absl::Status CheckNewestChunk(TaskContext& context, TaskReport& report) const;

  const std::string conninfo_;
};

}  // namespace eventstore::housekeeping
