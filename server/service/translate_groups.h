// Between the messages of consumer_groups.proto and the domain; as translate.h.
#pragma once

#include "absl/status/statusor.h"
#include "eventstore/v1/consumer_groups.pb.h"
#include "server/domain/consumer_group.h"
#include "server/storage/group_parked.h"
#include "server/subscriptions/group_dispatcher.h"

namespace eventstore::service {

absl::StatusOr<domain::NewGroup> FromProto(const v1::CreateConsumerGroupRequest& request);
absl::StatusOr<domain::GroupList> FromProto(const v1::ListConsumerGroupsRequest& request);
absl::StatusOr<domain::GroupUpdate> FromProto(const v1::UpdateConsumerGroupRequest& request);
absl::StatusOr<domain::GroupReset> FromProto(const v1::ResetConsumerGroupRequest& request);
absl::StatusOr<domain::ParkedList> FromProto(const v1::ListParkedEventsRequest& request);
absl::StatusOr<domain::ParkedSelection> FromProto(const std::string& group, const v1::ParkedSelection& selection);
absl::StatusOr<domain::JoinRequest> FromProto(const v1::ConsumeRequest::Join& join);

void ToProto(const domain::Group& group, v1::ConsumerGroup* message);
void ToProto(const storage::ParkedPage& page, v1::ListParkedEventsResponse* message);
void ToProto(const std::vector<subscriptions::Delivery>& deliveries, v1::ConsumeResponse::Deliveries* message);

}  // namespace eventstore::service
