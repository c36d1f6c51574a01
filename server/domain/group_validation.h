// From what a client sent about consumer groups, as plain values, to the types of consumer_group.h: every rule of the
// proto comments and limits.h. Pure; conventions as in query_validation.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/consumer_group.h"
#include "server/domain/query_validation.h"

namespace eventstore::domain {

struct RawGroupSettings {
  RawFilter filter;
  std::int32_t ack_timeout_ms = 0;
  std::int32_t max_deliveries = 0;
  std::int32_t retry_pause_ms = 0;
};

struct RawGroupStart {
  // Nothing: the request did not say.
  std::optional<SubscriptionStart::Kind> kind;
  std::int64_t position = 0;
  RawTime time;
};

struct RawParkedSelection {
  std::vector<std::string> event_ids;
  RawFilter filter;
  std::int32_t max_events = 0;
};

struct RawJoin {
  std::string group;
  std::string consumer_name;
  std::int32_t max_in_flight = 0;
  std::int32_t heartbeat_seconds = 0;
};

// `field` is the name's place in the request.
absl::StatusOr<std::string> ParseGroupName(const std::string& field, const std::string& name);
absl::StatusOr<NewGroup> ParseNewGroup(const std::string& name, RawGroupSettings settings, std::int32_t buckets,
                                       const RawGroupStart& start);
absl::StatusOr<GroupList> ParseGroupList(const std::string& prefix, std::int32_t page_size, const std::string& token);
absl::StatusOr<GroupUpdate> ParseGroupUpdate(const std::string& name, RawGroupSettings settings);
absl::StatusOr<GroupReset> ParseGroupReset(const std::string& name, const RawGroupStart& start);
absl::StatusOr<ParkedList> ParseParkedList(const std::string& group, std::int32_t page_size, const std::string& token);
absl::StatusOr<ParkedSelection> ParseParkedSelection(const std::string& group, RawParkedSelection raw);
absl::StatusOr<JoinRequest> ParseJoin(const RawJoin& raw);

// Of the answers in one message.
absl::Status CheckAnswers(const std::string& field, std::size_t answers);
// `action`: the number of the proto enum.
absl::StatusOr<NackAction> ParseNack(int action, std::size_t answers, const std::string& reason);

}  // namespace eventstore::domain
