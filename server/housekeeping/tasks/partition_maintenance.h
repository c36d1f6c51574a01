// Partitions for the days to come, and a look whether an event of now would find its place.
//
// Where the engine needs partitions before the first event of their time, it makes those that are missing, by default from
// yesterday (a clock may be set back) to 30 days ahead. Everywhere it inserts one event of now and rolls it back: that
// shows that the event has a partition, that the role may write and that the disk takes it; it does not go through lanes and
// heads, so it says nothing of versions.
#pragma once

#include <string>

#include "server/housekeeping/task.h"
#include "server/storage/partitions.h"

namespace eventstore::housekeeping {

class PartitionMaintenance final : public Task {
 public:
  // `partitions` outlives it. `edition`: of store_identity.
  PartitionMaintenance(const storage::Partitions& partitions, std::string edition);

  std::string_view name() const override { return "partition-maintenance"; }
  std::string_view description() const override {
    return "makes the partitions of the days to come where the engine needs them, and tries whether an event of now "
           "could "
           "be stored";
  }
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const storage::Partitions& partitions_;
  const std::string edition_;
};

}  // namespace eventstore::housekeeping
