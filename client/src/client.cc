#include "eventstore/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "client/src/core.h"
#include "client/src/reader_state.h"
#include "eventstore/token.h"

namespace eventstore::client {
namespace {

using Stub = v1::EventStore::Stub;

// The store's largest answer is a page of about 1 MiB plus one event; gRPC's own limit of 4 MiB is too near to that.
constexpr int kMaxReceiveBytes = 32 << 20;

std::shared_ptr<grpc::Channel> MakeChannel(const Options& options) {
  grpc::ChannelArguments arguments;
  // One layer retries, and it is ours: it knows which calls are safe.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A connection that was lost is tried again as often as our retries are, not after gRPC's 1 to 120 s.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // A network that died without a word is noticed under a stream that waits; the server allows a ping every 20 s.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      options.target, options.credentials ? options.credentials : grpc::InsecureChannelCredentials(), arguments,
      TokenInterceptors(options.token));
}

template <typename Request, typename Response>
EventReader Read(std::shared_ptr<const internal::Core> core,
                 typename internal::TypedReadCall<Request, Response>::Method method, const Request& request,
                 const CallOptions& call) {
  const internal::Deadline deadline = core->ReadDeadline(call);
  return EventReader(std::make_unique<internal::ReaderState>(
      std::move(core), std::make_unique<internal::TypedReadCall<Request, Response>>(method, request), deadline));
}

}  // namespace

v1::NewEvent MakeEvent(const std::string& event_type, const std::string& data) {
  v1::NewEvent event;
  event.set_id(MakeUuidV7());
  event.set_event_type(event_type);
  event.set_data(data);
  return event;
}

EventStoreClient::EventStoreClient(Options options) {
  auto channel = MakeChannel(options);
  core_ = std::make_shared<internal::Core>(std::move(options), std::move(channel));
}

EventStoreClient::EventStoreClient(const std::shared_ptr<grpc::ChannelInterface>& channel, Options options)
    : core_(std::make_shared<internal::Core>(std::move(options), channel)) {}

absl::StatusOr<v1::AppendResponse> EventStoreClient::Append(const Aggregate& aggregate, VersionCheck check,
                                                            std::vector<v1::NewEvent> events,
                                                            const CallOptions& call) const {
  v1::AppendRequest request;
  request.set_aggregate_id(aggregate.id);
  request.set_aggregate_type(aggregate.type);
  switch (check.kind()) {
    case VersionCheck::Kind::kExactly:
      request.set_expected_version(check.version());
      break;
    case VersionCheck::Kind::kAny:
      request.set_any_version(true);
      break;
    case VersionCheck::Kind::kExisting:
      request.set_existing(true);
      break;
  }
  for (auto& event : events) *request.add_events() = std::move(event);
  return Append(std::move(request), call);
}

absl::StatusOr<v1::AppendResponse> EventStoreClient::Append(v1::AppendRequest request, const CallOptions& call) const {
  internal::FillIds(request, core_->options().hooks);
  return internal::CallUnary<v1::AppendResponse>(*core_, internal::Safety::kAppendWithIds, core_->CallDeadline(call),
                                                 [&](grpc::ClientContext* context, v1::AppendResponse* response) {
                                                   return core_->stub().Append(context, request, response);
                                                 });
}

absl::StatusOr<v1::AppendBatchResponse> EventStoreClient::AppendBatch(v1::AppendBatchRequest request,
                                                                      const CallOptions& call) const {
  for (auto& append : *request.mutable_appends()) internal::FillIds(append, core_->options().hooks);
  return internal::CallUnary<v1::AppendBatchResponse>(
      *core_, internal::Safety::kAppendWithIds, core_->CallDeadline(call),
      [&](grpc::ClientContext* context, v1::AppendBatchResponse* response) {
        return core_->stub().AppendBatch(context, request, response);
      });
}

absl::StatusOr<v1::GetAggregateVersionResponse> EventStoreClient::GetVersion(const std::string& aggregate_id,
                                                                             const CallOptions& call) const {
  v1::GetAggregateVersionRequest request;
  request.set_aggregate_id(aggregate_id);
  return internal::CallUnary<v1::GetAggregateVersionResponse>(
      *core_, internal::Safety::kRead, core_->CallDeadline(call),
      [&](grpc::ClientContext* context, v1::GetAggregateVersionResponse* response) {
        return core_->stub().GetAggregateVersion(context, request, response);
      });
}

absl::StatusOr<v1::CountEventsResponse> EventStoreClient::Count(const v1::CountEventsRequest& request,
                                                                const CallOptions& call) const {
  return internal::CallUnary<v1::CountEventsResponse>(
      *core_, internal::Safety::kRead, core_->CallDeadline(call),
      [&](grpc::ClientContext* context, v1::CountEventsResponse* response) {
        return core_->stub().CountEvents(context, request, response);
      });
}

EventReader EventStoreClient::ReadAggregate(const std::string& aggregate_id, const CallOptions& call) const {
  v1::GetAggregateStreamRequest request;
  request.set_aggregate_id(aggregate_id);
  return ReadAggregate(request, call);
}

EventReader EventStoreClient::ReadAggregate(const v1::GetAggregateStreamRequest& request,
                                            const CallOptions& call) const {
  return Read<v1::GetAggregateStreamRequest, v1::GetAggregateStreamResponse>(core_, &Stub::GetAggregateStream, request,
                                                                             call);
}

EventReader EventStoreClient::ReadUser(const v1::GetUserStreamRequest& request, const CallOptions& call) const {
  return Read<v1::GetUserStreamRequest, v1::GetUserStreamResponse>(core_, &Stub::GetUserStream, request, call);
}

EventReader EventStoreClient::ReadCorrelated(const v1::GetCorrelatedEventsRequest& request,
                                             const CallOptions& call) const {
  return Read<v1::GetCorrelatedEventsRequest, v1::GetCorrelatedEventsResponse>(core_, &Stub::GetCorrelatedEvents,
                                                                               request, call);
}

EventReader EventStoreClient::ReadAll(const v1::ReadAllRequest& request, const CallOptions& call) const {
  return Read<v1::ReadAllRequest, v1::ReadAllResponse>(core_, &Stub::ReadAll, request, call);
}

const Options& EventStoreClient::options() const { return core_->options(); }

}  // namespace eventstore::client
