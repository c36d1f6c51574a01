// What a restored store holds, beside what the verifier counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::eventctl {

struct GroupPlace {
  std::string name;
  int buckets = 0;
  std::int64_t slowest = 0;  // the smallest and the largest position of its buckets
  std::int64_t furthest = 0;
  std::int64_t parked = 0;
};

struct StoreFacts {
  std::string engine;
  std::string store_id;
  int migration = 0;                 // the last one applied
  std::int64_t newest_position = 0;  // 0: there are no events
  std::string newest_time;           // ISO 8601, UTC; "" when there are none
  std::vector<GroupPlace> groups;
  // Names of archive files that hold events which are not in the database any more.
  std::vector<std::string> archive_files;
};

absl::StatusOr<StoreFacts> ReadFacts(storage::Session& session);

}  // namespace eventstore::eventctl
