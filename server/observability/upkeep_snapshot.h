// What the upkeep of the tables last found: for /metrics and /readyz, which never ask the database themselves.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/time.h"

namespace eventstore::observability {

struct PartitionsSnapshot {
  // Whether partitions have to be there before the first event of their time. Where not, the insert makes them, and
  // `days_ahead` tells nothing.
  bool made_ahead = false;
  bool today_exists = true;
  int days_ahead = 0;  // whole days after today that have a partition, without a gap
  std::int64_t count = 0;
  std::int64_t bytes = 0;
  std::int64_t compressed = 0;    // of `count`
  domain::TimeMicros oldest = 0;  // begin of the first one; 0: there is none
  domain::TimeMicros newest = 0;  // end of the last one
  std::int64_t repaired = 0;      // by this process: made by an insert that found none
};

struct TaskSnapshot {
  std::string name;                     // "retention"
  std::string last_status{};            // "succeeded", "failed"; empty: never ran
  domain::TimeMicros last_started = 0;  // 0: never
  domain::TimeMicros last_finished = 0;
  std::map<std::string, std::int64_t> runs{};  // by status, since this process started
  bool overdue = false;
};

struct UpkeepSnapshot {
  std::optional<PartitionsSnapshot> partitions;  // none: not looked yet
  std::vector<TaskSnapshot> tasks;
};

// Thread-safe; does not wait for the database. nullopt: nothing is known.
using ReadUpkeep = std::function<std::optional<UpkeepSnapshot>()>;

}  // namespace eventstore::observability
