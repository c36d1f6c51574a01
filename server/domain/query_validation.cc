#include "server/domain/query_validation.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

constexpr std::int32_t kMaxNanos = 999'999'999;
// Indexed by the numbers of the proto enum.
constexpr std::array kGroupings = {GroupBy::kNone,          GroupBy::kDay,  GroupBy::kHour,  GroupBy::kEventType,
                                   GroupBy::kAggregateType, GroupBy::kUser, GroupBy::kSource};
constexpr std::array kDirections = {Direction::kForward, Direction::kForward, Direction::kBackward};

// `known` is indexed by the number sent.
template <typename Enum, std::size_t size>
Enum ParseEnum(Violations& violations, const std::string& field, int value, const std::array<Enum, size>& known) {
  if (value >= 0 && static_cast<std::size_t>(value) < size) return known[static_cast<std::size_t>(value)];
  violations.Add(field, fmt::format("is {}; known values are 0 to {}", value, size - 1));
  return known.front();
}

// 0 means no limit.
std::int64_t ParseMaxEvents(Violations& violations, const std::string& field, std::int32_t value) {
  if (value < 0) violations.Add(field, fmt::format("is {}; send 0 for no limit, or a positive number", value));
  return value > 0 ? value : kNoLimit;
}

void CheckValues(Violations& violations, const std::string& field, const std::string& limit,
                 const std::vector<std::string>& values, std::size_t max_bytes) {
  if (values.size() > kMaxFilterValues) {
    violations.AddLimit(field, "max_filter_values", values.size(), kMaxFilterValues);
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    CheckText(violations, fmt::format("{}[{}]", field, i), limit, values[i], 1, max_bytes);
  }
}

void CheckEventTypes(Violations& violations, const std::string& field, const std::vector<std::string>& values) {
  CheckValues(violations, field, "max_event_type_bytes", values, kMaxEventTypeBytes);
}

void CheckAggregateTypes(Violations& violations, const std::string& field, const std::vector<std::string>& values) {
  CheckValues(violations, field, "max_aggregate_type_bytes", values, kMaxAggregateTypeBytes);
}

void CheckSources(Violations& violations, const std::string& field, const std::vector<std::string>& values) {
  CheckValues(violations, field, "max_source_bytes", values, kMaxSourceBytes);
}

Uuid RequiredUuid(Violations& violations, const std::string& field, const std::string& text) {
  const std::optional<Uuid> id = Uuid::Parse(text);
  if (!id) AddBadUuid(violations, field, text);
  return id.value_or(Uuid{});
}

std::optional<Uuid> OptionalUuid(Violations& violations, const std::string& field, const std::string& text) {
  if (text.empty()) return std::nullopt;
  return RequiredUuid(violations, field, text);
}

std::vector<Uuid> ParseIds(Violations& violations, const std::string& field, const std::vector<std::string>& texts) {
  std::vector<Uuid> ids;
  if (texts.size() > kMaxFilterValues) {
    violations.AddLimit(field, "max_filter_values", texts.size(), kMaxFilterValues);
    return ids;
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    ids.push_back(RequiredUuid(violations, fmt::format("{}[{}]", field, i), texts[i]));
  }
  return ids;
}

void CheckMembers(Violations& violations, const std::string& field,
                  const std::vector<std::pair<std::string, std::string>>& members) {
  if (members.size() > kMaxFilterValues) {
    violations.AddLimit(field, "max_filter_values", members.size(), kMaxFilterValues);
    return;
  }
  for (const auto& [key, value] : members) {
    CheckText(violations, field, "max_metadata_filter_bytes", key, 0, kMaxMetadataFilterBytes);
    CheckText(violations, field, "max_metadata_filter_bytes", value, 0, kMaxMetadataFilterBytes);
  }
}

TimeMicros DaysBefore(TimeMicros end, int days) {
  return std::max(kMinTime, end - static_cast<std::int64_t>(days) * kMicrosPerDay);
}

// What `range` spans until it ends, or until now.
void CheckSpan(Violations& violations, const TimeRange& range, TimeMicros now, const RequestLimits& limits) {
  if (limits.query_days == 0) return;
  const TimeMicros to = std::min(range.to, std::max(range.from, now));
  const TimeMicros most = std::int64_t{limits.query_days} * kMicrosPerDay;
  if (to - range.from <= most) return;
  const auto days = static_cast<std::size_t>((to - range.from + kMicrosPerDay - 1) / kMicrosPerDay);
  violations.AddLimit("from_time", "max_days", days, static_cast<std::size_t>(limits.query_days), kMaxQueryDaysSetting);
}

TimeRange ParseUserRange(Violations& violations, const RawUserQuery& raw, TimeMicros now, const RequestLimits& limits) {
  const int usual =
      limits.query_days > 0 ? std::min(limits.query_days, kDefaultUserStreamDays) : kDefaultUserStreamDays;
  TimeRange range = ParseTimeRange(violations, raw.range);
  if (raw.days < 0) {
    violations.Add("days", fmt::format("is {}; send 1 to {}, or 0 for the default", raw.days, kMaxDays));
  } else if (raw.days > kMaxDays) {
    violations.AddLimit("days", "max_days", static_cast<std::size_t>(raw.days), kMaxDays);
  } else if (raw.days > 0 && (raw.range.from || raw.range.to)) {
    violations.Add("days", "cannot be combined with from_time or to_time: send one or the other");
  } else if (raw.days > 0) {
    range.from = DaysBefore(now, raw.days);
  } else if (!raw.range.from) {
    range.from = DaysBefore(raw.range.to ? range.to : now, usual);
  }
  if (limits.query_days > 0 && raw.days > limits.query_days) {
    violations.AddLimit("days", "max_days", static_cast<std::size_t>(raw.days),
                        static_cast<std::size_t>(limits.query_days), kMaxQueryDaysSetting);
  } else {
    CheckSpan(violations, range, now, limits);
  }
  return range;
}

template <typename Query>
absl::StatusOr<Query> Result(const Violations& violations, Query query) {
  if (!violations.empty()) return violations.ToStatus();
  return query;
}

}  // namespace

std::optional<TimeMicros> ParseTime(Violations& violations, const std::string& field,
                                    const std::optional<RawTime>& raw) {
  if (!raw) return std::nullopt;
  if (raw->seconds < kMinTime / kMicrosPerSecond || raw->seconds > kMaxTime / kMicrosPerSecond) {
    violations.Add(field, fmt::format("is {} seconds from 1970, outside the years 1 to 9999", raw->seconds));
    return std::nullopt;
  }
  if (raw->nanos < 0 || raw->nanos > kMaxNanos) {
    violations.Add(field, fmt::format("has {} nanoseconds; 0 to {} are allowed", raw->nanos, kMaxNanos));
    return std::nullopt;
  }
  return raw->seconds * kMicrosPerSecond + raw->nanos / 1000;
}

TimeRange ParseTimeRange(Violations& violations, const RawTimeRange& raw) {
  const std::optional<TimeMicros> from = ParseTime(violations, "from_time", raw.from);
  const std::optional<TimeMicros> to = ParseTime(violations, "to_time", raw.to);
  if (from && to && *from >= *to) {
    violations.Add("from_time", "is not before to_time: no event can be in [from_time, to_time)");
  }
  TimeRange range;
  if (from) range.from = *from;
  if (to) range.to = *to;
  return range;
}

absl::StatusOr<Uuid> ParseRequiredUuid(const std::string& field, const std::string& text) {
  Violations violations;
  return Result(violations, RequiredUuid(violations, field, text));
}

absl::StatusOr<AggregateQuery> ParseAggregateQuery(const RawAggregateQuery& raw) {
  Violations violations;
  AggregateQuery query;
  query.aggregate_id = RequiredUuid(violations, "aggregate_id", raw.aggregate_id);
  if (raw.from_version < 0) violations.Add("from_version", fmt::format("is {}; versions start at 1", raw.from_version));
  if (raw.to_version < 0) violations.Add("to_version", fmt::format("is {}; versions start at 1", raw.to_version));
  if (raw.from_version > 0) query.from_version = raw.from_version;
  if (raw.to_version > 0) query.to_version = raw.to_version;
  if (query.from_version > query.to_version) {
    violations.Add("from_version", fmt::format("is {}, after to_version {}", query.from_version, query.to_version));
  }
  query.as_of = ParseTime(violations, "as_of", raw.as_of);
  query.direction = ParseEnum(violations, "direction", raw.direction, kDirections);
  query.max_events = ParseMaxEvents(violations, "max_events", raw.max_events);
  return Result(violations, query);
}

absl::StatusOr<UserQuery> ParseUserQuery(RawUserQuery raw, TimeMicros now, const RequestLimits& limits) {
  Violations violations;
  UserQuery query;
  query.range = ParseUserRange(violations, raw, now, limits);
  CheckText(violations, "user_id", "max_user_id_bytes", raw.user_id, 1, kMaxUserIdBytes);
  CheckEventTypes(violations, "event_types", raw.event_types);
  CheckAggregateTypes(violations, "aggregate_types", raw.aggregate_types);
  query.direction = ParseEnum(violations, "direction", raw.direction, kDirections);
  query.max_events = ParseMaxEvents(violations, "limit", raw.limit);
  query.user_id = std::move(raw.user_id);
  query.event_types = std::move(raw.event_types);
  query.aggregate_types = std::move(raw.aggregate_types);
  return Result(violations, std::move(query));
}

absl::StatusOr<CorrelationQuery> ParseCorrelationQuery(const RawCorrelationQuery& raw, TimeMicros now,
                                                       const RequestLimits& limits) {
  Violations violations;
  CorrelationQuery query;
  query.correlation_id = RequiredUuid(violations, "correlation_id", raw.correlation_id);
  query.range = ParseTimeRange(violations, raw.range);
  CheckSpan(violations, query.range, now, limits);
  return Result(violations, query);
}

EventFilter ParseFilter(Violations& violations, const std::string& field, RawFilter raw) {
  CheckEventTypes(violations, field + ".event_types", raw.event_types);
  CheckEventTypes(violations, field + ".event_type_prefixes", raw.event_type_prefixes);
  CheckAggregateTypes(violations, field + ".aggregate_types", raw.aggregate_types);
  CheckValues(violations, field + ".user_ids", "max_user_id_bytes", raw.user_ids, kMaxUserIdBytes);
  CheckSources(violations, field + ".sources", raw.sources);
  EventFilter filter;
  filter.correlation_ids = ParseIds(violations, field + ".correlation_ids", raw.correlation_ids);
  CheckMembers(violations, field + ".metadata", raw.metadata);
  filter.event_types = std::move(raw.event_types);
  filter.event_type_prefixes = std::move(raw.event_type_prefixes);
  filter.aggregate_types = std::move(raw.aggregate_types);
  filter.user_ids = std::move(raw.user_ids);
  filter.sources = std::move(raw.sources);
  filter.metadata = std::move(raw.metadata);
  return filter;
}

absl::StatusOr<ReadAllQuery> ParseReadAllQuery(RawReadAllQuery raw) {
  Violations violations;
  ReadAllQuery query;
  if (raw.from_position < 0) {
    violations.Add("from_position",
                   fmt::format("is {}; positions are positive, 0 is the beginning or the end", raw.from_position));
  }
  query.filter = ParseFilter(violations, "filter", std::move(raw.filter));
  query.direction = ParseEnum(violations, "direction", raw.direction, kDirections);
  query.max_events = ParseMaxEvents(violations, "max_events", raw.max_events);
  query.from_position = raw.from_position;
  return Result(violations, std::move(query));
}

SubscriptionStart ParseStart(Violations& violations, const RawSubscription& raw) {
  SubscriptionStart start;
  if (!raw.start) {
    violations.Add("start", "is missing; set from_beginning, from_now, from_position or from_time");
  } else {
    start.kind = *raw.start;
  }
  if (raw.from_position < 0) {
    violations.Add("from_position", fmt::format("is {}; positions are not negative", raw.from_position));
  }
  start.position = raw.from_position;
  if (start.kind == SubscriptionStart::Kind::kTime) {
    start.time = ParseTime(violations, "from_time", raw.from_time).value_or(0);
  }
  return start;
}

absl::StatusOr<SubscriptionQuery> ParseSubscription(RawSubscription raw) {
  Violations violations;
  SubscriptionQuery query;
  query.start = ParseStart(violations, raw);
  query.filter = ParseFilter(violations, "filter", std::move(raw.filter));
  query.filter.aggregate_id = OptionalUuid(violations, "aggregate_id", raw.aggregate_id);
  if (const auto id = OptionalUuid(violations, "correlation_id", raw.correlation_id)) {
    if (!query.filter.correlation_ids.empty()) {
      violations.Add("correlation_id", "cannot be combined with filter.correlation_ids: send one or the other");
    }
    query.filter.correlation_ids = {*id};
  }
  if (raw.heartbeat_seconds < 0 || raw.heartbeat_seconds > kMaxHeartbeatSeconds) {
    violations.Add("heartbeat_seconds", fmt::format("is {}; send 1 to {}, or 0 for {}", raw.heartbeat_seconds,
                                                    kMaxHeartbeatSeconds, kDefaultHeartbeatSeconds));
  }
  query.heartbeat_seconds = raw.heartbeat_seconds > 0 ? raw.heartbeat_seconds : kDefaultHeartbeatSeconds;
  return Result(violations, std::move(query));
}

absl::StatusOr<CountQuery> ParseCountQuery(RawCountQuery raw, TimeMicros now, const RequestLimits& limits) {
  Violations violations;
  CountQuery query;
  CheckText(violations, "user_id", "max_user_id_bytes", raw.user_id, 0, kMaxUserIdBytes);
  CheckEventTypes(violations, "event_types", raw.event_types);
  CheckAggregateTypes(violations, "aggregate_types", raw.aggregate_types);
  CheckSources(violations, "sources", raw.sources);
  query.aggregate_id = OptionalUuid(violations, "aggregate_id", raw.aggregate_id);
  query.correlation_id = OptionalUuid(violations, "correlation_id", raw.correlation_id);
  query.range = ParseTimeRange(violations, raw.range);
  CheckSpan(violations, query.range, now, limits);
  query.group_by = ParseEnum(violations, "group_by", raw.group_by, kGroupings);
  if (!raw.user_id.empty()) query.filter.user_ids.push_back(std::move(raw.user_id));
  query.filter.event_types = std::move(raw.event_types);
  query.filter.aggregate_types = std::move(raw.aggregate_types);
  query.filter.sources = std::move(raw.sources);
  return Result(violations, std::move(query));
}

}  // namespace eventstore::domain
