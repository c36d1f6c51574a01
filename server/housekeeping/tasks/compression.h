// Compresses closed partitions that are old enough, where engine and edition can. Of events off unless a number of days is
// set: a read of an old event then has to unpack what lies around it, and how much that costs has not been measured. Of
// operational records as their row of time_tables says.
#pragma once

#include <string>

#include "server/housekeeping/task.h"
#include "server/storage/partitions.h"

namespace eventstore::housekeeping {

class Compression final : public Task {
 public:
  // `after_days`: from the end of a partition; 0: nothing is compressed.
  Compression(const storage::Partitions& partitions, std::string edition, int after_days);

  std::string_view name() const override { return "compression"; }
  std::string_view description() const override {
    return "compresses closed partitions after compress_after_days, where the engine and its edition can";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  absl::StatusOr<TaskReport> Events(TaskContext& context) const;
  // How many.
  absl::StatusOr<std::int64_t> Records(TaskContext& context) const;

  const storage::Partitions& partitions_;
  const std::string edition_;
  const int after_days_;
};

}  // namespace eventstore::housekeeping
