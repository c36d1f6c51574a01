#include "server/domain/group_validation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

using std::chrono::milliseconds;

bool IsNameByte(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == ':' || c == '-';
}

void CheckName(Violations& violations, const std::string& field, const std::string& name, std::size_t min = 1) {
  if (name.size() < min || name.size() > kMaxGroupNameBytes) {
    CheckText(violations, field, "max_group_name_bytes", name, min, kMaxGroupNameBytes);
  } else if (!std::ranges::all_of(name, IsNameByte)) {
    violations.Add(field, "holds something other than [A-Za-z0-9._:-]");
  }
}

// A number between `min` and `max`, or 0 for `standard`.
int NumberOr(Violations& violations, const std::string& field, std::int32_t value, int min, int max, int standard) {
  if (value == 0) return standard;
  if (value < min || value > max) {
    violations.Add(field, fmt::format("is {}; send {} to {}, or 0 for {}", value, min, max, standard));
  }
  return value;
}

GroupSettings ParseSettings(Violations& violations, RawGroupSettings raw) {
  GroupSettings settings;
  settings.filter = ParseFilter(violations, "settings.filter", std::move(raw.filter));
  settings.ack_timeout = milliseconds{NumberOr(violations, "settings.ack_timeout_ms", raw.ack_timeout_ms,
                                               kMinAckTimeoutMs, kMaxAckTimeoutMs, kDefaultAckTimeoutMs)};
  settings.max_deliveries =
      NumberOr(violations, "settings.max_deliveries", raw.max_deliveries, 1, kMaxDeliveries, kDefaultDeliveries);
  settings.retry_pause = milliseconds{
      NumberOr(violations, "settings.retry_pause_ms", raw.retry_pause_ms, 1, kMaxRetryPauseMs, kDefaultRetryPauseMs)};
  return settings;
}

SubscriptionStart ParseGroupStart(Violations& violations, const RawGroupStart& raw) {
  RawSubscription request;
  request.start = raw.kind;
  request.from_position = raw.position;
  request.from_time = raw.time;
  return ParseStart(violations, request);
}

template <typename Result>
absl::StatusOr<Result> Checked(const Violations& violations, Result result) {
  if (!violations.empty()) return violations.ToStatus();
  return result;
}

int PageSize(Violations& violations, std::int32_t value) {
  return NumberOr(violations, "page_size", value, 1, kMaxListed, kDefaultListed);
}

}  // namespace

milliseconds PauseAfter(const GroupSettings& settings, int failures) {
  milliseconds pause = settings.retry_pause;
  for (int i = 1; i < failures && pause < milliseconds{kMaxRetryPauseMs}; ++i) pause *= 2;
  return std::min(pause, milliseconds{kMaxRetryPauseMs});
}

absl::StatusOr<std::string> ParseGroupName(const std::string& field, const std::string& name) {
  Violations violations;
  CheckName(violations, field, name);
  return Checked(violations, name);
}

absl::StatusOr<NewGroup> ParseNewGroup(const std::string& name, RawGroupSettings settings, std::int32_t buckets,
                                       const RawGroupStart& start) {
  Violations violations;
  CheckName(violations, "name", name);
  NewGroup group;
  group.name = name;
  group.settings = ParseSettings(violations, std::move(settings));
  group.buckets = NumberOr(violations, "buckets", buckets, 1, kMaxBuckets, kDefaultBuckets);
  group.start = ParseGroupStart(violations, start);
  return Checked(violations, std::move(group));
}

absl::StatusOr<GroupList> ParseGroupList(const std::string& prefix, std::int32_t page_size, const std::string& token) {
  Violations violations;
  CheckName(violations, "name_prefix", prefix, 0);
  CheckName(violations, "page_token", token, 0);
  GroupList list;
  list.prefix = prefix;
  list.after = token;
  list.page_size = PageSize(violations, page_size);
  return Checked(violations, std::move(list));
}

absl::StatusOr<GroupUpdate> ParseGroupUpdate(const std::string& name, RawGroupSettings settings) {
  Violations violations;
  CheckName(violations, "name", name);
  GroupUpdate update{name, ParseSettings(violations, std::move(settings))};
  return Checked(violations, std::move(update));
}

absl::StatusOr<GroupReset> ParseGroupReset(const std::string& name, const RawGroupStart& start) {
  Violations violations;
  CheckName(violations, "name", name);
  return Checked(violations, GroupReset{name, ParseGroupStart(violations, start)});
}

absl::StatusOr<ParkedList> ParseParkedList(const std::string& group, std::int32_t page_size, const std::string& token) {
  Violations violations;
  CheckName(violations, "group", group);
  ParkedList list;
  list.group = group;
  list.page_size = PageSize(violations, page_size);
  const char* const end = token.data() + token.size();
  if (!token.empty()) {
    const auto [stopped, problem] = std::from_chars(token.data(), end, list.after);
    if (problem != std::errc{} || stopped != end || list.after < 0) {
      violations.Add("page_token", "is not one that this call has given");
    }
  }
  return Checked(violations, std::move(list));
}

absl::StatusOr<ParkedSelection> ParseParkedSelection(const std::string& group, RawParkedSelection raw) {
  Violations violations;
  CheckName(violations, "group", group);
  ParkedSelection selection;
  selection.group = group;
  if (raw.event_ids.size() > kMaxParkedIds) {
    violations.AddLimit("selection.event_ids", "max_event_ids", raw.event_ids.size(), kMaxParkedIds);
    raw.event_ids.clear();
  }
  for (std::size_t i = 0; i < raw.event_ids.size(); ++i) {
    const auto id = Uuid::Parse(raw.event_ids[i]);
    if (!id) AddBadUuid(violations, fmt::format("selection.event_ids[{}]", i), raw.event_ids[i]);
    selection.event_ids.push_back(id.value_or(Uuid{}));
  }
  selection.filter = ParseFilter(violations, "selection.filter", std::move(raw.filter));
  if (raw.max_events < 0) {
    violations.Add("selection.max_events", fmt::format("is {}; send 0 for all, or a positive number", raw.max_events));
  }
  selection.max_events = raw.max_events;
  return Checked(violations, std::move(selection));
}

absl::StatusOr<JoinRequest> ParseJoin(const RawJoin& raw) {
  Violations violations;
  CheckName(violations, "join.group", raw.group);
  CheckText(violations, "join.consumer_name", "max_consumer_name_bytes", raw.consumer_name, 0, kMaxConsumerNameBytes);
  JoinRequest join;
  join.group = raw.group;
  join.consumer_name = raw.consumer_name;
  join.max_in_flight = NumberOr(violations, "join.max_in_flight", raw.max_in_flight, 1, kMaxInFlight, kDefaultInFlight);
  join.heartbeat_seconds = NumberOr(violations, "join.heartbeat_seconds", raw.heartbeat_seconds, 1,
                                    kMaxHeartbeatSeconds, kDefaultHeartbeatSeconds);
  return Checked(violations, std::move(join));
}

absl::Status CheckAnswers(const std::string& field, std::size_t answers) {
  if (answers <= kMaxAnswersPerMessage) return absl::OkStatus();
  return LimitExceeded(field, "max_answers", answers, kMaxAnswersPerMessage);
}

absl::StatusOr<NackAction> ParseNack(int action, std::size_t answers, const std::string& reason) {
  constexpr std::array kActions = {NackAction::kRetry, NackAction::kRetry, NackAction::kPark, NackAction::kSkip};
  Violations violations;
  if (answers > kMaxAnswersPerMessage) {
    violations.AddLimit("nack.delivery_ids", "max_answers", answers, kMaxAnswersPerMessage);
  }
  if (action < 1 || action >= static_cast<int>(kActions.size())) {
    violations.Add("nack.action", fmt::format("is {}; known values are 1 to {}", action, kActions.size() - 1));
    action = 1;
  }
  CheckText(violations, "nack.reason", "max_reason_bytes", reason, 0, kMaxParkReasonBytes);
  return Checked(violations, kActions.at(static_cast<std::size_t>(action)));
}

}  // namespace eventstore::domain
