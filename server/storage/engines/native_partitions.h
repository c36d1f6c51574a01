// Declarative partitions of a PostgreSQL without extensions. They are made ahead; an append that finds none makes it
// (lane_writer.h).
//
// No method makes appends wait: partitions are made and attached, and detached concurrently, under SHARE UPDATE
// EXCLUSIVE. In a transaction of the caller's, Drop() cannot detach concurrently: it then asks for events_v2 in tries of
// 50 ms, between which appends go on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/storage/partitions.h"

namespace eventstore::storage {

class NativePartitions final : public Partitions {
 public:
  // `table`: in the schema public.
  explicit NativePartitions(std::string table = "events_v2") : table_(std::move(table)) {}

  bool made_ahead() const override { return true; }
  absl::StatusOr<std::vector<Partition>> List(Session& session) const override;
  // Each in a transaction of its own, unless the caller has one: a partition takes some dozen locks to make.
  // INVALID_REQUEST for a range without an end.
  absl::StatusOr<int> Ensure(Session& session, const domain::TimeRange& range) const override;
  // Detaches it, then drops the table. Killed in between, or when the table was not free in time, the events are out of
  // every read; the next Drop() of any partition drops what is left of it.
  absl::Status MakeOf(Session& session, std::span<const domain::TimeMicros> times,
                      domain::TimeMicros interval) const override;
  absl::Status Drop(Session& session, const Partition& partition) const override;
  bool compresses() const override { return false; }
  absl::Status Compress(Session& session, const Partition& partition) const override;

 private:
  const std::string table_;
};

}  // namespace eventstore::storage
