// What a client asks to read. Validated: ranges are sane, lists within limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/event.h"
#include "server/domain/time.h"

namespace eventstore::domain {

enum class Direction { kForward, kBackward };

inline constexpr std::int64_t kNoLimit = INT64_MAX;

struct AggregateQuery {
  Uuid aggregate_id;
  Version from_version = 1;
  Version to_version = INT32_MAX;
  std::optional<TimeMicros> as_of;  // inclusive
  Direction direction = Direction::kForward;
  std::int64_t max_events = kNoLimit;
};

struct UserQuery {
  std::string user_id;
  TimeRange range;
  std::vector<std::string> event_types;
  std::vector<std::string> event_type_prefixes;  // OR with event_types
  std::vector<std::string> aggregate_types;
  Direction direction = Direction::kForward;
  std::int64_t max_events = kNoLimit;
};

// AND between fields, OR within one; empty: not restricted.
struct EventFilter {
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  std::vector<std::string> user_ids;
  std::vector<std::string> sources;
  std::vector<std::string> event_type_prefixes;  // OR with event_types
  std::vector<Uuid> correlation_ids;
  std::vector<std::pair<std::string, std::string>> metadata;  // AND between them too
  std::optional<Uuid> aggregate_id;

  bool operator==(const EventFilter&) const = default;
};

struct CorrelationQuery {
  Uuid correlation_id;
  TimeRange range;
  EventFilter filter;  // no part of the request: what the caller may read
};

struct ReadAllQuery {
  Position from_position = 0;  // exclusive; backward: 0 means the end
  EventFilter filter;
  Direction direction = Direction::kForward;
  std::int64_t max_events = kNoLimit;
};

// Where a subscription begins.
struct SubscriptionStart {
  enum class Kind { kBeginning, kNow, kPosition, kTime };
  Kind kind = Kind::kNow;
  Position position = 0;  // kPosition: exclusive
  TimeMicros time = 0;    // kTime
};

struct SubscriptionQuery {
  SubscriptionStart start;
  EventFilter filter;
  int heartbeat_seconds = 0;
};

enum class GroupBy { kNone, kDay, kHour, kEventType, kAggregateType, kUser, kSource };

struct CountQuery {
  EventFilter filter;
  std::optional<Uuid> aggregate_id;
  std::optional<Uuid> correlation_id;
  TimeRange range;
  GroupBy group_by = GroupBy::kNone;
};

struct CountResult {
  std::int64_t count = 0;
  std::vector<std::pair<std::string, std::int64_t>> groups;  // sorted by key
};

}  // namespace eventstore::domain
