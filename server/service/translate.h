// Between the messages of eventstore.v1 and the domain. No rule lives here: what is wrong is found by the domain.
#pragma once

#include "absl/status/statusor.h"
#include "eventstore/v1/event_store.pb.h"
#include "eventstore/v1/subscriptions.pb.h"
#include "server/domain/append.h"
#include "server/domain/clock.h"
#include "server/domain/query.h"
#include "server/domain/query_validation.h"
#include "server/domain/request_limits.h"
#include "server/storage/cursor.h"

namespace eventstore::service {

// Texts are moved out of the message.
absl::StatusOr<domain::AppendBatch> FromProto(v1::AppendRequest&& request, domain::IdMaker& ids,
                                              const domain::RequestLimits& limits = {});
absl::StatusOr<domain::AppendBatch> FromProto(v1::AppendBatchRequest&& request, domain::IdMaker& ids,
                                              const domain::RequestLimits& limits = {});

absl::StatusOr<domain::AggregateQuery> FromProto(const v1::GetAggregateStreamRequest& request);
absl::StatusOr<domain::UserQuery> FromProto(const v1::GetUserStreamRequest& request, domain::TimeMicros now,
                                            const domain::RequestLimits& limits = {});
absl::StatusOr<domain::CorrelationQuery> FromProto(const v1::GetCorrelatedEventsRequest& request,
                                                   domain::TimeMicros now = 0,
                                                   const domain::RequestLimits& limits = {});
absl::StatusOr<domain::CountQuery> FromProto(const v1::CountEventsRequest& request, domain::TimeMicros now = 0,
                                             const domain::RequestLimits& limits = {});
absl::StatusOr<domain::ReadAllQuery> FromProto(const v1::ReadAllRequest& request);

absl::StatusOr<domain::SubscriptionQuery> FromProto(const v1::SubscribeRequest& request);

domain::RawFilter RawFilterFrom(const v1::EventFilter& filter);

void ToProto(const domain::RecordedEvent& event, v1::RecordedEvent* message);
void ToProto(const domain::AppendResult& result, v1::AppendResponse* response);
void ToProto(domain::TimeMicros time, google::protobuf::Timestamp* timestamp);
void ToProto(const domain::CountResult& result, v1::CountEventsResponse* response);

// Moves the texts of the events into the message.
void MoveEvents(std::vector<domain::RecordedEvent>& events,
                google::protobuf::RepeatedPtrField<v1::RecordedEvent>* messages);

}  // namespace eventstore::service
