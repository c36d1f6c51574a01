// What counts of statuses say of executions. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "server/domain/analytics.h"

namespace eventstore::domain {

struct Endings {
  TimeMicros bucket = 0;
  std::int64_t completed = 0;
  std::int64_t failed = 0;
  std::int64_t timeout = 0;
  std::int64_t abandoned = 0;
  std::int64_t cancelled = 0;

  std::int64_t ended() const { return completed + failed + timeout + abandoned + cancelled; }
  // 0 to 1. Nothing: none completed and none failed. Those that were cancelled count for neither.
  std::optional<double> FailureRate() const;

  bool operator==(const Endings&) const = default;
};

// By bucket, from points in the order of their keys; other statuses are left out.
std::vector<Endings> EndingsOf(const std::vector<CountPoint>& points);
Endings SumOf(const std::vector<Endings>& buckets);

struct ThroughputBucket {
  TimeMicros bucket = 0;
  std::int64_t created = 0;
  std::int64_t ended = 0;

  bool operator==(const ThroughputBucket&) const = default;
};

// Both in the order of their buckets.
std::vector<ThroughputBucket> ThroughputOf(const std::vector<CountPoint>& created, const std::vector<Endings>& ended);

}  // namespace eventstore::domain
