#include "server/service/translate_groups.h"

#include <algorithm>

#include "server/domain/group_validation.h"
#include "server/service/translate.h"

namespace eventstore::service {
namespace {

domain::RawGroupSettings RawFrom(const v1::ConsumerGroupSettings& settings) {
  return {RawFilterFrom(settings.filter()), settings.ack_timeout_ms(), settings.max_deliveries(),
          settings.retry_pause_ms()};
}

// Create and Reset have the same oneof with different numbers.
template <typename Request>
domain::RawGroupStart StartFrom(const Request& request) {
  using Kind = domain::SubscriptionStart::Kind;
  domain::RawGroupStart start;
  switch (request.start_case()) {
    case Request::kFromBeginning:
      start.kind = Kind::kBeginning;
      break;
    case Request::kFromNow:
      start.kind = Kind::kNow;
      break;
    case Request::kFromPosition:
      start.kind = Kind::kPosition;
      break;
    case Request::kFromTime:
      start.kind = Kind::kTime;
      break;
    case Request::START_NOT_SET:
      break;
  }
  start.position = request.from_position();
  start.time = {request.from_time().seconds(), request.from_time().nanos()};
  return start;
}

void FilterToProto(const domain::EventFilter& filter, v1::EventFilter* message) {
  message->mutable_event_types()->Add(filter.event_types.begin(), filter.event_types.end());
  message->mutable_event_type_prefixes()->Add(filter.event_type_prefixes.begin(), filter.event_type_prefixes.end());
  message->mutable_aggregate_types()->Add(filter.aggregate_types.begin(), filter.aggregate_types.end());
  message->mutable_user_ids()->Add(filter.user_ids.begin(), filter.user_ids.end());
  message->mutable_sources()->Add(filter.sources.begin(), filter.sources.end());
  for (const auto& id : filter.correlation_ids) message->add_correlation_ids(id.ToString());
  for (const auto& [key, value] : filter.metadata) (*message->mutable_metadata())[key] = value;
}

}  // namespace

absl::StatusOr<domain::NewGroup> FromProto(const v1::CreateConsumerGroupRequest& request) {
  return domain::ParseNewGroup(request.name(), RawFrom(request.settings()), request.buckets(), StartFrom(request));
}

absl::StatusOr<domain::GroupList> FromProto(const v1::ListConsumerGroupsRequest& request) {
  auto list = domain::ParseGroupList(request.name_prefix(), request.page_size(), request.page_token());
  if (list.ok()) list->with_lag = !request.without_lag();
  return list;
}

absl::StatusOr<domain::GroupUpdate> FromProto(const v1::UpdateConsumerGroupRequest& request) {
  return domain::ParseGroupUpdate(request.name(), RawFrom(request.settings()));
}

absl::StatusOr<domain::GroupReset> FromProto(const v1::ResetConsumerGroupRequest& request) {
  return domain::ParseGroupReset(request.name(), StartFrom(request));
}

absl::StatusOr<domain::ParkedList> FromProto(const v1::ListParkedEventsRequest& request) {
  return domain::ParseParkedList(request.group(), request.page_size(), request.page_token());
}

absl::StatusOr<domain::ParkedSelection> FromProto(const std::string& group, const v1::ParkedSelection& selection) {
  return domain::ParseParkedSelection(group, {{selection.event_ids().begin(), selection.event_ids().end()},
                                              RawFilterFrom(selection.filter()),
                                              selection.max_events()});
}

absl::StatusOr<domain::JoinRequest> FromProto(const v1::ConsumeRequest::Join& join) {
  return domain::ParseJoin({join.group(), join.consumer_name(), join.max_in_flight(), join.heartbeat_seconds()});
}

void ToProto(const domain::Group& group, v1::ConsumerGroup* message) {
  message->set_name(group.name);
  auto* settings = message->mutable_settings();
  FilterToProto(group.settings.filter, settings->mutable_filter());
  settings->set_ack_timeout_ms(static_cast<std::int32_t>(group.settings.ack_timeout.count()));
  settings->set_max_deliveries(group.settings.max_deliveries);
  settings->set_retry_pause_ms(static_cast<std::int32_t>(group.settings.retry_pause.count()));
  message->set_buckets(group.buckets);
  ToProto(group.created_at, message->mutable_created_at());
  ToProto(group.updated_at, message->mutable_updated_at());
  const auto least = std::ranges::min_element(group.places);
  message->set_position(least == group.places.end() ? 0 : *least);
  message->set_lag_events(group.lag_events);
  message->set_lag_is_at_least(group.lag_is_at_least);
  message->set_lag_seconds(static_cast<double>(group.lag_time) / static_cast<double>(domain::kMicrosPerSecond));
  message->set_parked_events(group.parked);
  for (const auto& member : group.members) {
    auto* one = message->add_members();
    one->set_id(member.id.ToString());
    one->set_name(member.name);
    one->set_instance(member.instance);
    one->set_buckets(member.buckets);
    ToProto(member.joined_at, one->mutable_joined_at());
  }
}

void ToProto(const storage::ParkedPage& page, v1::ListParkedEventsResponse* message) {
  for (const auto& parked : page.events) {
    auto* one = message->add_events();
    ToProto(parked.event, one->mutable_event());
    ToProto(parked.parked_at, one->mutable_parked_at());
    one->set_reason(parked.reason);
    one->set_deliveries(parked.deliveries);
    one->set_replaying(parked.replaying);
  }
  if (page.next > 0) message->set_next_page_token(std::to_string(page.next));
}

void ToProto(const std::vector<subscriptions::Delivery>& deliveries, v1::ConsumeResponse::Deliveries* message) {
  message->mutable_deliveries()->Reserve(static_cast<int>(deliveries.size()));
  for (const auto& delivery : deliveries) {
    auto* one = message->add_deliveries();
    one->set_delivery_id(delivery.id);
    ToProto(*delivery.event, one->mutable_event());
    one->set_attempt(delivery.attempt);
    one->set_bucket(delivery.bucket);
    one->set_settled_position(delivery.settled);
    one->set_replayed(delivery.replayed);
  }
}

}  // namespace eventstore::service
