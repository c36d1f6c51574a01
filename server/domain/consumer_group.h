// What a consumer group is, and what is asked of groups. Validated (group_validation.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/query.h"

namespace eventstore::domain {

struct GroupSettings {
  EventFilter filter;
  std::chrono::milliseconds ack_timeout{0};
  int max_deliveries = 0;
  std::chrono::milliseconds retry_pause{0};

  bool operator==(const GroupSettings&) const = default;
};

// The pause after the failure number `failures`, counted from 1.
std::chrono::milliseconds PauseAfter(const GroupSettings& settings, int failures);

struct NewGroup {
  std::string name;
  GroupSettings settings;
  int buckets = 0;
  SubscriptionStart start;
};

struct GroupMember {
  Uuid id;
  std::string name;
  std::string instance;
  int buckets = 0;
  TimeMicros joined_at = 0;
};

struct Group {
  std::string name;
  GroupSettings settings;
  int buckets = 0;
  TimeMicros created_at = 0;
  TimeMicros updated_at = 0;
  std::vector<Position> places;  // by bucket
  std::int64_t parked = 0;
  std::vector<GroupMember> members;
  // Only where asked for.
  std::int64_t lag_events = 0;
  bool lag_is_at_least = false;
  TimeMicros lag_time = 0;
};

struct GroupList {
  std::string prefix;
  std::string after;  // a name; empty: from the first
  int page_size = 0;
  bool with_lag = true;
};

struct GroupUpdate {
  std::string name;
  GroupSettings settings;
};

struct GroupReset {
  std::string name;
  SubscriptionStart start;
};

struct ParkedList {
  std::string group;
  Position after = 0;
  int page_size = 0;
};

struct ParkedSelection {
  std::string group;
  std::vector<Uuid> event_ids;  // empty: not restricted
  EventFilter filter;
  std::int64_t max_events = 0;  // 0: all
};

// An event that was set aside, with what it takes to find it again.
struct ParkedRef {
  Uuid event_id;
  Position position = 0;
  TimeMicros time = 0;
  Uuid aggregate_id;
  int bucket = 0;
};

struct ParkedEvent {
  RecordedEvent event;  // without contents when its chunk was dropped
  TimeMicros parked_at = 0;
  std::string reason;
  int deliveries = 0;
  bool replaying = false;
};

struct JoinRequest {
  std::string group;
  std::string consumer_name;
  int max_in_flight = 0;
  int heartbeat_seconds = 0;
};

enum class NackAction { kRetry, kPark, kSkip };

}  // namespace eventstore::domain
