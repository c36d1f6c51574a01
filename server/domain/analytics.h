// What is counted by the hour, and what a client asks of it. Validated (analytics_validation.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/time.h"

namespace eventstore::domain {

inline constexpr TimeMicros kMicrosPerHour = 3'600 * kMicrosPerSecond;

// In the order of the proto's enum, from 1.
enum class Aggregate {
  kExecutionStatus,
  kExecutionThroughput,
  kEventVolume,
  kWorkerStatus,
  kEnforcementVolume,
  kExecutionVolume,
  kDomainEventVolume,
};

// What counts are added up over.
enum class Bucket { kHour, kDay, kWhole };

// Of one bucket, one ref and one status. A dimension that is added up over, or that there is none of, is "".
struct CountKey {
  TimeMicros bucket = 0;  // where it begins, UTC; 0 for kWhole
  std::string ref;
  std::string status;

  auto operator<=>(const CountKey&) const = default;
};

struct CountPoint {
  CountKey key;
  std::int64_t count = 0;

  bool operator==(const CountPoint&) const = default;
};

struct HourlyQuery {
  Aggregate aggregate = Aggregate::kExecutionStatus;
  TimeRange range;                    // whole buckets
  std::vector<std::string> refs;      // empty: all
  std::vector<std::string> statuses;  // empty: all
  Bucket bucket = Bucket::kHour;
  bool sum_refs = false;
  bool sum_statuses = false;
  // What is not counted yet is counted now.
  bool include_recent = false;
  int limit = 1'000;
  std::optional<CountKey> after;  // the last of the page before
};

// How far an aggregate is.
struct HourlyState {
  std::string name;         // of the table or view: "event_volume_hourly"
  bool continuous = false;  // a continuous aggregate of TimescaleDB; else a table that the housekeeper keeps
  // Whole hours before it were counted by then. Nothing: it was never refreshed.
  std::optional<TimeMicros> refreshed_until;
  std::optional<TimeMicros> refreshed_at;
};

struct HourlyAnswer {
  std::vector<CountPoint> points;  // by key; the most of them first where the question was for those
  bool more = false;
  // Over all keys, those beyond the limit included; for questions that ask for the most alone.
  std::int64_t total = 0;
  std::int64_t keys = 0;
  HourlyState state;
};

}  // namespace eventstore::domain
