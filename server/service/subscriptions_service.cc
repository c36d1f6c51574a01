#include "server/service/subscriptions_service.h"

#include <utility>

#include "server/domain/group_validation.h"
#include "server/service/open_messages.h"
#include "server/service/pool_call.h"
#include "server/service/translate.h"
#include "server/service/translate_groups.h"
#include "server/storage/group_lag.h"
#include "server/storage/group_parked.h"
#include "server/storage/group_store.h"

namespace eventstore::service {
namespace {

// A group as an answer, once what was done to it is done.
template <typename Response>
absl::StatusOr<Response> Described(storage::Session& session, storage::ChunkCatalog& chunks,
                                   absl::StatusOr<domain::Group> group) {
  if (!group.ok()) return group.status();
  if (absl::Status counted = storage::CountLag(session, chunks, *group); !counted.ok()) return counted;
  Response response;
  ToProto(*group, response.mutable_group());
  return response;
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* SubscriptionsService::Subscribe(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kSubscribe, *context);
  v1::SubscribeRequest message;
  if (absl::Status parsed = parser_.Parse(admission, *request, &message); !parsed.ok()) {
    return SubscribeStream::Begin(parts_, admission, *context, parsed);
  }
  auto query = FromProto(message);
  if (query.ok()) {
    if (absl::Status allowed = admission.Narrow(query->filter); !allowed.ok()) query = allowed;
  }
  return SubscribeStream::Begin(parts_, admission, *context, std::move(query));
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* SubscriptionsService::Consume(Context* context) {
  return ConsumeStream::Begin({parts_.calls, parts_.streams, groups_, parser_, parts_.clock, ids_, parts_.vault},
                              *context);
}

template <typename Request, typename Response, typename Parse, typename Run>
SubscriptionsService::Unary* SubscriptionsService::Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response,
                                                       Parse parse, Run run) {
  return AskPool<Request, Response>({parts_.calls, parts_.readers, parts_.clock, parts_.page_deadline, parser_}, rpc,
                                    context, request, response, std::move(parse), std::move(run));
}

SubscriptionsService::Unary* SubscriptionsService::CreateConsumerGroup(Context* context, const Bytes* request,
                                                                       Bytes* response) {
  using Response = v1::CreateConsumerGroupResponse;
  return Ask<v1::CreateConsumerGroupRequest, Response>(
      Rpc::kCreateConsumerGroup, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](storage::Session& session, const domain::NewGroup& group) {
        return Described<Response>(session, parts_.chunks, storage::CreateGroup(session, parts_.chunks, group));
      });
}

SubscriptionsService::Unary* SubscriptionsService::ListConsumerGroups(Context* context, const Bytes* request,
                                                                      Bytes* response) {
  using Response = v1::ListConsumerGroupsResponse;
  return Ask<v1::ListConsumerGroupsRequest, Response>(
      Rpc::kListConsumerGroups, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](storage::Session& session, const domain::GroupList& list) -> absl::StatusOr<Response> {
        auto groups = storage::ReadWithRetries(parts_.chunks, [&] { return storage::ListGroups(session, list); });
        if (!groups.ok()) return groups.status();
        Response answer;
        if (groups->size() > static_cast<std::size_t>(list.page_size)) {
          groups->pop_back();
          answer.set_next_page_token(groups->back().name);
        }
        for (auto& group : *groups) {
          if (list.with_lag) {
            absl::Status counted = storage::CountLag(session, parts_.chunks, group);
            if (!counted.ok()) return counted;
          }
          ToProto(group, answer.add_groups());
        }
        return answer;
      });
}

SubscriptionsService::Unary* SubscriptionsService::GetConsumerGroup(Context* context, const Bytes* request,
                                                                    Bytes* response) {
  using Response = v1::GetConsumerGroupResponse;
  return Ask<v1::GetConsumerGroupRequest, Response>(
      Rpc::kGetConsumerGroup, context, request, response,
      [](const auto& message) { return domain::ParseGroupName("name", message.name()); },
      [this](storage::Session& session, const std::string& name) {
        return Described<Response>(session, parts_.chunks, storage::ReadWithRetries(parts_.chunks, [&] {
                                     return storage::GetGroup(session, name);
                                   }));
      });
}

SubscriptionsService::Unary* SubscriptionsService::UpdateConsumerGroup(Context* context, const Bytes* request,
                                                                       Bytes* response) {
  using Response = v1::UpdateConsumerGroupResponse;
  return Ask<v1::UpdateConsumerGroupRequest, Response>(
      Rpc::kUpdateConsumerGroup, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](storage::Session& session, const domain::GroupUpdate& update) {
        auto updated = storage::UpdateGroup(session, update);
        groups_.Nudge(update.name);
        return Described<Response>(session, parts_.chunks, std::move(updated));
      });
}

SubscriptionsService::Unary* SubscriptionsService::DeleteConsumerGroup(Context* context, const Bytes* request,
                                                                       Bytes* response) {
  using Response = v1::DeleteConsumerGroupResponse;
  return Ask<v1::DeleteConsumerGroupRequest, Response>(
      Rpc::kDeleteConsumerGroup, context, request, response,
      [](const auto& message) { return domain::ParseGroupName("name", message.name()); },
      [this](storage::Session& session, const std::string& name) -> absl::StatusOr<Response> {
        absl::Status deleted = storage::DeleteGroup(session, name);
        groups_.Nudge(name);
        if (!deleted.ok()) return deleted;
        return Response();
      });
}

SubscriptionsService::Unary* SubscriptionsService::ResetConsumerGroup(Context* context, const Bytes* request,
                                                                      Bytes* response) {
  using Response = v1::ResetConsumerGroupResponse;
  return Ask<v1::ResetConsumerGroupRequest, Response>(
      Rpc::kResetConsumerGroup, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](storage::Session& session, const domain::GroupReset& reset) {
        auto done = storage::ResetGroup(session, parts_.chunks, reset);
        groups_.Nudge(reset.name);
        return Described<Response>(session, parts_.chunks, std::move(done));
      });
}

SubscriptionsService::Unary* SubscriptionsService::ListParkedEvents(Context* context, const Bytes* request,
                                                                    Bytes* response) {
  using Response = v1::ListParkedEventsResponse;
  return Ask<v1::ListParkedEventsRequest, Response>(
      Rpc::kListParkedEvents, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](storage::Session& session, const domain::ParkedList& list) -> absl::StatusOr<Response> {
        auto page =
            storage::ReadWithRetries(parts_.chunks, [&] { return storage::ListParked(session, parts_.chunks, list); });
        if (!page.ok()) return page.status();
        Response answer;
        ToProto(*page, &answer);
        if (parts_.vault == nullptr) return answer;
        std::vector<v1::RecordedEvent*> events;
        for (auto& parked : *answer.mutable_events()) events.push_back(parked.mutable_event());
        if (absl::Status opened = OpenMessages(*parts_.vault, events); !opened.ok()) return opened;
        return answer;
      });
}

SubscriptionsService::Unary* SubscriptionsService::ReplayParkedEvents(Context* context, const Bytes* request,
                                                                      Bytes* response) {
  using Response = v1::ReplayParkedEventsResponse;
  return Ask<v1::ReplayParkedEventsRequest, Response>(
      Rpc::kReplayParkedEvents, context, request, response,
      [](const auto& message) { return FromProto(message.group(), message.selection()); },
      [this](storage::Session& session, const domain::ParkedSelection& selection) -> absl::StatusOr<Response> {
        auto replayed = storage::ChangeParked(session, parts_.chunks, selection, storage::ParkedAction::kReplay);
        groups_.Nudge(selection.group);
        if (!replayed.ok()) return replayed.status();
        Response answer;
        answer.set_events(*replayed);
        return answer;
      });
}

SubscriptionsService::Unary* SubscriptionsService::DiscardParkedEvents(Context* context, const Bytes* request,
                                                                       Bytes* response) {
  using Response = v1::DiscardParkedEventsResponse;
  return Ask<v1::DiscardParkedEventsRequest, Response>(
      Rpc::kDiscardParkedEvents, context, request, response,
      [](const auto& message) { return FromProto(message.group(), message.selection()); },
      [this](storage::Session& session, const domain::ParkedSelection& selection) -> absl::StatusOr<Response> {
        auto discarded = storage::ChangeParked(session, parts_.chunks, selection, storage::ParkedAction::kDiscard);
        if (!discarded.ok()) return discarded.status();
        Response answer;
        answer.set_events(*discarded);
        return answer;
      });
}

}  // namespace eventstore::service
