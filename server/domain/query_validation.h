// From what a client sent to read, as plain values, to the queries of query.h: every rule of the proto comments and
// limits.h. Pure.
//
// Enums are the numbers of the proto messages. A missing number is 0, a missing text empty, as in proto3. All errors
// are INVALID_REQUEST or LIMIT_EXCEEDED and name the field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/query.h"
#include "server/domain/request_limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {

// As google.protobuf.Timestamp. Years 1 to 9999, nanoseconds 0 to 999 999 999; cut to whole microseconds.
struct RawTime {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
};

struct RawTimeRange {
  std::optional<RawTime> from;
  std::optional<RawTime> to;
};

// None where it is not given, or bad.
std::optional<TimeMicros> ParseTime(Violations& violations, const std::string& field,
                                    const std::optional<RawTime>& raw);
// Of the fields from_time and to_time.
TimeRange ParseTimeRange(Violations& violations, const RawTimeRange& raw);

struct RawFilter {
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  std::vector<std::string> user_ids;
  std::vector<std::string> sources;
  std::vector<std::string> event_type_prefixes;
  std::vector<std::string> correlation_ids;
  std::vector<std::pair<std::string, std::string>> metadata;
};

struct RawAggregateQuery {
  std::string aggregate_id;
  std::int32_t from_version = 0;
  std::int32_t to_version = 0;
  std::optional<RawTime> as_of;
  int direction = 0;
  std::int32_t max_events = 0;
};

struct RawUserQuery {
  std::string user_id;
  std::int32_t days = 0;
  RawTimeRange range;
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  int direction = 0;
  std::int32_t limit = 0;
};

struct RawCorrelationQuery {
  std::string correlation_id;
  RawTimeRange range;
};

struct RawReadAllQuery {
  std::int64_t from_position = 0;
  RawFilter filter;
  int direction = 0;
  std::int32_t max_events = 0;
};

struct RawSubscription {
  // Nothing: the request did not say.
  std::optional<SubscriptionStart::Kind> start;
  std::int64_t from_position = 0;
  RawTime from_time;
  RawFilter filter;
  std::string aggregate_id;
  std::string correlation_id;
  std::int32_t heartbeat_seconds = 0;
};

// CountEvents names one user, and its lists stand beside each other rather than in a filter.
struct RawCountQuery {
  std::string user_id;
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  std::vector<std::string> sources;
  std::string aggregate_id;
  std::string correlation_id;
  RawTimeRange range;
  int group_by = 0;
};

// A UUID that has to be there, for requests that are nothing else; `field` is its name in the request.
absl::StatusOr<Uuid> ParseRequiredUuid(const std::string& field, const std::string& text);

absl::StatusOr<AggregateQuery> ParseAggregateQuery(const RawAggregateQuery& raw);

// `now`: what `days` are counted from. The range of the last days has no end, so that an event just written is in it
// although the database's clock may be ahead of ours.
absl::StatusOr<UserQuery> ParseUserQuery(RawUserQuery raw, TimeMicros now, const RequestLimits& limits = {});

// `now`, here and below: where a range without an end ends for limits.query_days.
absl::StatusOr<CorrelationQuery> ParseCorrelationQuery(const RawCorrelationQuery& raw, TimeMicros now = 0,
                                                       const RequestLimits& limits = {});
// `field` is the filter's name in the request; what is wrong goes to `violations`.
class Violations;
EventFilter ParseFilter(Violations& violations, const std::string& field, RawFilter raw);
// Where it begins; the rest of the request is not looked at.
SubscriptionStart ParseStart(Violations& violations, const RawSubscription& raw);

absl::StatusOr<ReadAllQuery> ParseReadAllQuery(RawReadAllQuery raw);
absl::StatusOr<SubscriptionQuery> ParseSubscription(RawSubscription raw);
absl::StatusOr<CountQuery> ParseCountQuery(RawCountQuery raw, TimeMicros now = 0, const RequestLimits& limits = {});

}  // namespace eventstore::domain
