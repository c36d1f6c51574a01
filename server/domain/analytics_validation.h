// From what a client asks of Analytics, as plain values, to HourlyQuery: every rule of analytics.proto. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/analytics.h"
#include "server/domain/query_validation.h"

namespace eventstore::domain {

inline constexpr int kMaxHourlyDays = 400;
inline constexpr int kMaxDailyDays = 4'000;
inline constexpr int kMaxCounts = 10'000;
inline constexpr int kDefaultCounts = 1'000;
inline constexpr int kMaxTopRefs = 1'000;
inline constexpr int kDefaultTopRefs = 10;
inline constexpr std::size_t kMaxAnalyticsKeyBytes = 200;

struct RawHourlyQuery {
  int aggregate = 0;
  RawTimeRange range;
  int bucket = 0;
  std::vector<std::string> refs;
  std::string refs_field = "refs";  // its name in the request
  std::vector<std::string> statuses;
  bool sum_refs = false;
  bool sum_statuses = false;
  bool include_recent = false;
  std::int32_t page_size = 0;
  std::string page_token;
};

// `now`: where a range without an end ends.
absl::StatusOr<HourlyQuery> ParseHourlyQuery(RawHourlyQuery raw, TimeMicros now);

// For GetTopRefs: page_size is its limit; the whole range is one bucket.
absl::StatusOr<HourlyQuery> ParseTopQuery(RawHourlyQuery raw, TimeMicros now);

// For questions about executions, which name no aggregate and have no pages: their endings.
absl::StatusOr<HourlyQuery> ParseExecutionsQuery(RawHourlyQuery raw, TimeMicros now);

std::string CountToken(const CountKey& key);

}  // namespace eventstore::domain
