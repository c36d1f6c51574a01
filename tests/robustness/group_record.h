// What all consumers of a group together were given, and whether that keeps the promises: each event at least once, an
// aggregate's events first come in the order of their versions, and nothing comes again that the group had settled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/group_consumer.h"
#include "tests/robustness/delivery_record.h"

namespace eventstore::testing {

// Thread-safe.
class GroupRecord {
 public:
  // By bucket: everything up to here was answered.
  using Places = std::map<std::int32_t, std::int64_t>;

  explicit GroupRecord(Versions versions) : versions_(versions) {}

  // What is known to be settled now. A consumer that joins after this gets nothing of it.
  Places settled() const;
  // `settled`: what was settled before the delivery's consumer joined; what it is told itself is added.
  absl::Status Take(const client::GroupDelivery& delivery, Places& settled);
  // A promise that was broken elsewhere: a consumer's error.
  void Break(const absl::Status& status);

  // Each of them was given, and nothing else.
  absl::Status CheckAgainst(const std::vector<Stored>& stored) const;
  // The first promise that was broken, if any.
  absl::Status broken() const;
  // Events, each counted once; and how often one came again.
  std::size_t count() const;
  std::size_t repeats() const;
  // The greatest that came.
  std::int64_t last_position() const;

 private:
  absl::Status Judge(const client::GroupDelivery& delivery, const Places& settled) const;

  const Versions versions_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> given_;          // event id -> position
  std::map<std::string, std::int32_t> last_versions_;  // by aggregate
  Places settled_;
  std::size_t repeats_ = 0;
  std::int64_t last_position_ = 0;
  absl::Status broken_;
};

}  // namespace eventstore::testing
