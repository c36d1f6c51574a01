// Chunks of a hypertable. They are made by the insert that needs them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/storage/partitions.h"

namespace eventstore::storage {

class TimescaledbPartitions final : public Partitions {
 public:
  // `table`: in the schema public.
  explicit TimescaledbPartitions(bool compresses, std::string table = "events_v2")
      : compresses_(compresses), table_(std::move(table)) {}

  bool made_ahead() const override { return false; }
  absl::StatusOr<std::vector<Partition>> List(Session& session) const override;
  absl::StatusOr<int> Ensure(Session& session, const domain::TimeRange& range) const override;
  absl::Status MakeOf(Session& session, std::span<const domain::TimeMicros> times,
                      domain::TimeMicros interval) const override;
  absl::Status Drop(Session& session, const Partition& partition) const override;
  bool compresses() const override { return compresses_; }
  absl::Status Compress(Session& session, const Partition& partition) const override;

 private:
  const bool compresses_;
  const std::string table_;
};

}  // namespace eventstore::storage
