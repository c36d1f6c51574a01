// Time as the store keeps it: microseconds since the Unix epoch, UTC, the resolution of timestamptz.
#pragma once

#include <cstdint>
#include <limits>

namespace eventstore::domain {

using TimeMicros = std::int64_t;

inline constexpr TimeMicros kMicrosPerSecond = 1'000'000;
inline constexpr TimeMicros kMicrosPerDay = 86'400 * kMicrosPerSecond;

// 0001-01-01 and 9999-12-31T23:59:59.999999Z, the range of google.protobuf.Timestamp; inside that of timestamptz.
inline constexpr TimeMicros kMinTime = -62'135'596'800 * kMicrosPerSecond;
inline constexpr TimeMicros kMaxTime = 253'402'300'799 * kMicrosPerSecond + 999'999;

// Half open: from <= t < to. The default holds every time.
struct TimeRange {
  TimeMicros from = kMinTime;
  TimeMicros to = std::numeric_limits<TimeMicros>::max();

  bool Contains(TimeMicros t) const { return from <= t && t < to; }
  bool empty() const { return from >= to; }
};

}  // namespace eventstore::domain
