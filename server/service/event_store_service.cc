#include "server/service/event_store_service.h"

#include <algorithm>
#include <utility>

#include "server/domain/error.h"
#include "server/domain/query_validation.h"
#include "server/service/aggregate_access.h"
#include "server/service/append_stream.h"
#include "server/service/call_deadline.h"
#include "server/service/operations/translate_operations.h"
#include "server/service/translate.h"
#include "server/storage/count_reader.h"
#include "server/storage/cursor_aggregate.h"
#include "server/storage/cursor_position.h"
#include "server/storage/cursor_user.h"
#include "server/storage/head_reader.h"
#include "server/storage/operations/timeline.h"

namespace eventstore::service {
namespace {

namespace access = domain::access;

template <typename Request>
absl::StatusOr<Request> Parsed(const RequestParser& parser, const Admission& admission, const grpc::ByteBuffer& bytes) {
  Request request;
  if (absl::Status parsed = parser.Parse(admission, bytes, &request); !parsed.ok()) return parsed;
  return request;
}

// Within what the caller may read, or the error.
template <typename Query>
absl::StatusOr<Query> Narrowed(const Admission& admission, absl::StatusOr<Query> query) {
  if (!query.ok()) return query;
  if (absl::Status narrowed = admission.Narrow(*query); !narrowed.ok()) return narrowed;
  return query;
}

}  // namespace

template <typename Request, typename Answer>
grpc::ServerUnaryReactor* EventStoreService::AppendWith(Rpc rpc, Context* context, const Bytes* request,
                                                        Bytes* response, Answer answer) {
  auto* call = new UnaryCall(parts_.calls, rpc, *context, response);
  auto message = Parsed<Request>(parser_, call->admission(), *request);
  if (!message.ok()) {
    call->Fail(message.status());
    return call;
  }
  auto batch = FromProto(*std::move(message), parts_.ids, call->admission().limits());
  if (!batch.ok()) {
    call->Fail(batch.status());
    return call;
  }
  if (absl::Status allowed = call->admission().CheckAppend(*batch); !allowed.ok()) {
    call->Fail(allowed);
    return call;
  }
  parts_.appender.Append(*std::move(batch), DeadlineOf(*context, parts_.clock, parts_.default_deadline),
                         call->cancelled(), [call, answer](absl::StatusOr<domain::AppendBatchResult> result) {
                           if (!result.ok()) return call->Fail(result.status());
                           call->Reply(answer(*result));
                         });
  return call;
}

grpc::ServerUnaryReactor* EventStoreService::Append(Context* context, const Bytes* request, Bytes* response) {
  return AppendWith<v1::AppendRequest>(Rpc::kAppend, context, request, response,
                                       [](const domain::AppendBatchResult& results) {
                                         v1::AppendResponse message;
                                         ToProto(results.front(), &message);
                                         return message;
                                       });
}

grpc::ServerUnaryReactor* EventStoreService::AppendBatch(Context* context, const Bytes* request, Bytes* response) {
  return AppendWith<v1::AppendBatchRequest>(Rpc::kAppendBatch, context, request, response,
                                            [](const domain::AppendBatchResult& results) {
                                              v1::AppendBatchResponse message;
                                              for (const auto& result : results) ToProto(result, message.add_results());
                                              return message;
                                            });
}

EventStoreService::BidiStream* EventStoreService::AppendStream(Context* context) {
  return service::AppendStream::Begin(
      {parts_.calls, parts_.streams, parts_.appender, parser_, parts_.clock, parts_.ids, parts_.default_deadline},
      *context);
}

void EventStoreService::Read(UnaryCall* call, domain::MonotonicTime deadline,
                             std::function<void(storage::Session&)> run) {
  storage::ReadTask task;
  task.deadline = deadline;
  task.run = [call, run = std::move(run)](absl::StatusOr<storage::Session*> session) {
    if (!session.ok()) return call->Fail(session.status());
    run(**session);
  };
  if (parts_.readers.Submit(task)) return;
  domain::Error full;
  full.reason = domain::Reason::kQueueFull;
  full.message = "the queue of reads is full; try again later";
  full.retry_after_ms = 200;
  call->Fail(domain::ToStatus(full));
}

grpc::ServerUnaryReactor* EventStoreService::GetAggregateVersion(Context* context, const Bytes* request,
                                                                 Bytes* response) {
  auto* call = new UnaryCall(parts_.calls, Rpc::kGetAggregateVersion, *context, response);
  auto message = Parsed<v1::GetAggregateVersionRequest>(parser_, call->admission(), *request);
  if (!message.ok()) {
    call->Fail(message.status());
    return call;
  }
  auto id = domain::ParseRequiredUuid("aggregate_id", message->aggregate_id());
  if (!id.ok()) {
    call->Fail(id.status());
    return call;
  }
  Read(call, DeadlineOf(*context, parts_.clock, parts_.default_deadline),
       [this, call, id = *id](storage::Session& session) {
         if (absl::Status allowed = CheckAggregate(call->admission(), session, parts_.chunks, id); !allowed.ok()) {
           return call->Fail(allowed);
         }
         auto head = storage::ReadHeadAgain(session, id);
         if (!head.ok()) return call->Fail(head.status());
         v1::GetAggregateVersionResponse answer;
         answer.set_version(head->version);
         if (head->version > 0) {
           ToProto(head->first_timestamp, answer.mutable_first_timestamp());
           ToProto(head->last_timestamp, answer.mutable_last_timestamp());
         }
         call->Reply(answer);
       });
  return call;
}

grpc::ServerUnaryReactor* EventStoreService::CountEvents(Context* context, const Bytes* request, Bytes* response) {
  auto* call = new UnaryCall(parts_.calls, Rpc::kCountEvents, *context, response);
  auto message = Parsed<v1::CountEventsRequest>(parser_, call->admission(), *request);
  if (!message.ok()) {
    call->Fail(message.status());
    return call;
  }
  auto query = Narrowed(call->admission(), FromProto(*message, parts_.clock.Now(), call->admission().limits()));
  if (!query.ok()) {
    call->Fail(query.status());
    return call;
  }
  Read(call, DeadlineOf(*context, parts_.clock, parts_.default_deadline),
       [this, call, query = *std::move(query)](storage::Session& session) {
         auto result = storage::CountEvents(session, parts_.chunks, query);
         if (!result.ok()) return call->Fail(result.status());
         v1::CountEventsResponse answer;
         ToProto(*result, &answer);
         call->Reply(answer);
       });
  return call;
}

PageStreamParts EventStoreService::StreamParts(const Admission& admission, Context* context) const {
  const bool bounded = context->deadline() != std::chrono::system_clock::time_point::max();
  const auto whole = DeadlineOf(*context, parts_.clock, std::chrono::hours{24 * 365});
  return {admission,
          *context,
          parts_.calls,
          parts_.readers,
          parts_.chunks,
          parts_.page_memory,
          parts_.clock,
          [this, bounded, whole] {
            const auto page = parts_.clock.Monotonic() + parts_.default_deadline;
            return bounded ? std::min(page, whole) : page;
          },
          parts_.vault};
}

template <typename Response>
EventStoreService::Stream* EventStoreService::StreamEvents(const Admission& admission, Context* context,
                                                           std::unique_ptr<storage::Cursor> cursor) {
  auto* stream = new PageStream(
      StreamParts(admission, context), std::move(cursor),
      [](std::vector<domain::RecordedEvent> events) {
        return [events = std::move(events)]() mutable {
          Response message;
          MoveEvents(events, message.mutable_events());
          return Serialize(message);
        };
      },
      false);
  stream->Start();
  return stream;
}

EventStoreService::Stream* EventStoreService::GetAggregateStream(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kGetAggregateStream, *context);
  auto message = Parsed<v1::GetAggregateStreamRequest>(parser_, admission, *request);
  if (!message.ok()) return PageStream::Failed(StreamParts(admission, context), message.status());
  auto query = FromProto(*message);
  if (!query.ok()) return PageStream::Failed(StreamParts(admission, context), query.status());
  auto cursor = MakeAggregateCursor(admission, *query, parts_.chunks);
  auto* opened = cursor.get();
  auto* stream = new PageStream(
      StreamParts(admission, context), std::move(cursor),
      [opened](std::vector<domain::RecordedEvent> events) {
        v1::GetAggregateStreamResponse answer;
        answer.set_current_version(opened->current_version());
        answer.set_first_available_version(opened->first_available_version());
        return [answer = std::move(answer), events = std::move(events)]() mutable {
          MoveEvents(events, answer.mutable_events());
          return Serialize(answer);
        };
      },
      true);
  stream->Start();
  return stream;
}

EventStoreService::Stream* EventStoreService::GetUserStream(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kGetUserStream, *context);
  auto message = Parsed<v1::GetUserStreamRequest>(parser_, admission, *request);
  if (!message.ok()) return PageStream::Failed(StreamParts(admission, context), message.status());
  auto query = Narrowed(admission, FromProto(*message, parts_.clock.Now(), admission.limits()));
  if (!query.ok()) return PageStream::Failed(StreamParts(admission, context), query.status());
  return StreamEvents<v1::GetUserStreamResponse>(
      admission, context, std::make_unique<storage::UserCursor>(*std::move(query), parts_.chunks));
}

EventStoreService::Stream* EventStoreService::GetCorrelatedEvents(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kGetCorrelatedEvents, *context);
  auto message = Parsed<v1::GetCorrelatedEventsRequest>(parser_, admission, *request);
  if (!message.ok()) return PageStream::Failed(StreamParts(admission, context), message.status());
  auto query = Narrowed(admission, FromProto(*message, parts_.clock.Now(), admission.limits()));
  if (!query.ok()) return PageStream::Failed(StreamParts(admission, context), query.status());
  if (message->include_operations()) {
    const absl::Status allowed = admission.Check(access::CheckTimeline);
    if (!allowed.ok()) return PageStream::Failed(StreamParts(admission, context), allowed);
    return StreamTimeline(admission, context, *query);
  }
  return StreamEvents<v1::GetCorrelatedEventsResponse>(
      admission, context, std::make_unique<storage::PositionCursor>(*query, parts_.chunks));
}

EventStoreService::Stream* EventStoreService::StreamTimeline(const Admission& admission, Context* context,
                                                             const domain::CorrelationQuery& query) {
  auto cursor = std::make_unique<storage::TimelineCursor>(query, parts_.chunks, parts_.vault);
  auto* timeline = cursor.get();
  auto* stream = new PageStream(
      StreamParts(admission, context), std::move(cursor),
      [timeline](std::vector<domain::RecordedEvent> /*events*/) {
        return [items = timeline->Take()]() mutable {
          v1::GetCorrelatedEventsResponse message;
          for (auto& item : items) ToProto(item, message.add_items());
          return Serialize(message);
        };
      },
      false);
  stream->Start();
  return stream;
}

EventStoreService::Stream* EventStoreService::ReadAll(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kReadAll, *context);
  auto message = Parsed<v1::ReadAllRequest>(parser_, admission, *request);
  if (!message.ok()) return PageStream::Failed(StreamParts(admission, context), message.status());
  auto query = FromProto(*message);
  if (query.ok()) {
    if (absl::Status narrowed = admission.Narrow(query->filter); !narrowed.ok()) query = narrowed;
  }
  if (!query.ok()) return PageStream::Failed(StreamParts(admission, context), query.status());
  return StreamEvents<v1::ReadAllResponse>(admission, context,
                                           std::make_unique<storage::PositionCursor>(*std::move(query), parts_.chunks));
}

}  // namespace eventstore::service
