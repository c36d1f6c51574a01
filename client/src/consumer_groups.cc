#include "eventstore/consumer_groups.h"

#include <utility>

#include "client/src/core.h"
#include "eventstore/errors.h"

namespace eventstore::client {
namespace {

using internal::CallUnary;
using internal::Safety;
using Stub = v1::Subscriptions::Stub;

template <typename Request, typename Response>
absl::StatusOr<Response> Call(const internal::Core& core,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request, const CallOptions& call) {
  return CallUnary<Response>(core, Safety::kRead, core.CallDeadline(call),
                             [&](grpc::ClientContext* context, Response* response) {
                               return (core.subscriptions().*method)(context, request, response);
                             });
}

template <typename Response>
absl::StatusOr<v1::ConsumerGroup> GroupOf(absl::StatusOr<Response> response) {
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_group());
}

template <typename Response>
absl::StatusOr<std::int64_t> EventsOf(const absl::StatusOr<Response>& response) {
  if (!response.ok()) return response.status();
  return response->events();
}

}  // namespace

ConsumerGroups::ConsumerGroups(const EventStoreClient& client) : core_(client.core_) {}

absl::StatusOr<v1::ConsumerGroup> ConsumerGroups::Create(const v1::CreateConsumerGroupRequest& request,
                                                         const CallOptions& call) const {
  return GroupOf(Call(*core_, &Stub::CreateConsumerGroup, request, call));
}

absl::StatusOr<std::vector<v1::ConsumerGroup>> ConsumerGroups::List(const std::string& name_prefix, bool with_lag,
                                                                    const CallOptions& call) const {
  v1::ListConsumerGroupsRequest request;
  request.set_name_prefix(name_prefix);
  request.set_without_lag(!with_lag);
  std::vector<v1::ConsumerGroup> groups;
  do {
    auto page = Call(*core_, &Stub::ListConsumerGroups, request, call);
    if (!page.ok()) return page.status();
    for (auto& group : *page->mutable_groups()) groups.push_back(std::move(group));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return groups;
}

absl::StatusOr<v1::ConsumerGroup> ConsumerGroups::Get(const std::string& name, const CallOptions& call) const {
  v1::GetConsumerGroupRequest request;
  request.set_name(name);
  return GroupOf(Call(*core_, &Stub::GetConsumerGroup, request, call));
}

absl::StatusOr<v1::ConsumerGroup> ConsumerGroups::Update(const std::string& name,
                                                         const v1::ConsumerGroupSettings& settings,
                                                         const CallOptions& call) const {
  v1::UpdateConsumerGroupRequest request;
  request.set_name(name);
  *request.mutable_settings() = settings;
  return GroupOf(Call(*core_, &Stub::UpdateConsumerGroup, request, call));
}

absl::Status ConsumerGroups::Delete(const std::string& name, const CallOptions& call) const {
  v1::DeleteConsumerGroupRequest request;
  request.set_name(name);
  int attempts = 0;
  const auto deleted = CallUnary<v1::DeleteConsumerGroupResponse>(
      *core_, Safety::kRead, core_->CallDeadline(call),
      [&](grpc::ClientContext* context, v1::DeleteConsumerGroupResponse* response) {
        ++attempts;
        return core_->subscriptions().DeleteConsumerGroup(context, request, response);
      });
  if (attempts > 1 && ErrorReason(deleted.status()) == "GROUP_NOT_FOUND") return absl::OkStatus();
  return deleted.status();
}

absl::StatusOr<v1::ConsumerGroup> ConsumerGroups::Reset(const v1::ResetConsumerGroupRequest& request,
                                                        const CallOptions& call) const {
  return GroupOf(Call(*core_, &Stub::ResetConsumerGroup, request, call));
}

absl::StatusOr<v1::ListParkedEventsResponse> ConsumerGroups::ListParked(const v1::ListParkedEventsRequest& request,
                                                                        const CallOptions& call) const {
  return Call(*core_, &Stub::ListParkedEvents, request, call);
}

absl::StatusOr<std::int64_t> ConsumerGroups::ReplayParked(const std::string& group,
                                                          const v1::ParkedSelection& selection,
                                                          const CallOptions& call) const {
  v1::ReplayParkedEventsRequest request;
  request.set_group(group);
  *request.mutable_selection() = selection;
  return EventsOf(Call(*core_, &Stub::ReplayParkedEvents, request, call));
}

absl::StatusOr<std::int64_t> ConsumerGroups::DiscardParked(const std::string& group,
                                                           const v1::ParkedSelection& selection,
                                                           const CallOptions& call) const {
  v1::DiscardParkedEventsRequest request;
  request.set_group(group);
  *request.mutable_selection() = selection;
  return EventsOf(Call(*core_, &Stub::DiscardParkedEvents, request, call));
}

}  // namespace eventstore::client
