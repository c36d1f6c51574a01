#include "server/service/translate.h"

#include <algorithm>
#include <utility>

#include "server/domain/event_validation.h"
#include "server/domain/query_validation.h"

namespace eventstore::service {
namespace {

using domain::RawCheck;

domain::RawEvent RawFrom(v1::NewEvent& event) {
  return {std::move(*event.mutable_id()),
          std::move(*event.mutable_event_type()),
          std::move(*event.mutable_user_id()),
          std::move(*event.mutable_data()),
          std::move(*event.mutable_metadata()),
          std::move(*event.mutable_causation_id()),
          std::move(*event.mutable_correlation_id()),
          std::move(*event.mutable_source())};
}

RawCheck CheckFrom(const v1::AppendRequest& request) {
  switch (request.version_check_case()) {
    case v1::AppendRequest::kExpectedVersion:
      return {RawCheck::Kind::kExact, request.expected_version(), true};
    case v1::AppendRequest::kAnyVersion:
      return {RawCheck::Kind::kAny, 0, request.any_version()};
    case v1::AppendRequest::kExisting:
      return {RawCheck::Kind::kExisting, 0, request.existing()};
    case v1::AppendRequest::VERSION_CHECK_NOT_SET:
      break;
  }
  return {};
}

RawCheck CheckFrom(const v1::VersionCheck& check) {
  switch (check.version_check_case()) {
    case v1::VersionCheck::kExpectedVersion:
      return {RawCheck::Kind::kExact, check.expected_version(), true};
    case v1::VersionCheck::kExisting:
      return {RawCheck::Kind::kExisting, 0, check.existing()};
    case v1::VersionCheck::VERSION_CHECK_NOT_SET:
      break;
  }
  return {};
}

domain::RawAppend RawFrom(v1::AppendRequest& request) {
  domain::RawAppend append;
  append.check = CheckFrom(request);
  append.aggregate_id = std::move(*request.mutable_aggregate_id());
  append.aggregate_type = std::move(*request.mutable_aggregate_type());
  append.events.reserve(static_cast<std::size_t>(request.events_size()));
  for (auto& event : *request.mutable_events()) append.events.push_back(RawFrom(event));
  return append;
}

template <typename Message>
domain::RawTimeRange RangeOf(const Message& request) {
  domain::RawTimeRange range;
  if (request.has_from_time()) range.from = {request.from_time().seconds(), request.from_time().nanos()};
  if (request.has_to_time()) range.to = {request.to_time().seconds(), request.to_time().nanos()};
  return range;
}

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& list) {
  return {list.begin(), list.end()};
}

std::string Text(const std::optional<domain::Uuid>& id) { return id ? id->ToString() : ""; }

}  // namespace

domain::RawFilter RawFilterFrom(const v1::EventFilter& filter) {
  domain::RawFilter raw;
  raw.event_types = Texts(filter.event_types());
  raw.aggregate_types = Texts(filter.aggregate_types());
  raw.user_ids = Texts(filter.user_ids());
  raw.sources = Texts(filter.sources());
  raw.event_type_prefixes = Texts(filter.event_type_prefixes());
  raw.correlation_ids = Texts(filter.correlation_ids());
  raw.metadata = {filter.metadata().begin(), filter.metadata().end()};
  // A map has no order; statements with the same values in the same order share a plan.
  std::ranges::sort(raw.metadata);
  return raw;
}

absl::StatusOr<domain::AppendBatch> FromProto(v1::AppendRequest&& request, domain::IdMaker& ids,
                                              const domain::RequestLimits& limits) {
  domain::RawBatch raw;
  raw.appends.push_back(RawFrom(request));
  auto batch = domain::ParseBatch(std::move(raw), true, ids, limits);
  if (batch.ok()) batch->single = true;
  return batch;
}

absl::StatusOr<domain::AppendBatch> FromProto(v1::AppendBatchRequest&& request, domain::IdMaker& ids,
                                              const domain::RequestLimits& limits) {
  domain::RawBatch raw;
  raw.appends.reserve(static_cast<std::size_t>(request.appends_size()));
  for (auto& append : *request.mutable_appends()) raw.appends.push_back(RawFrom(append));
  for (auto& check : *request.mutable_checks()) {
    raw.checks.push_back({std::move(*check.mutable_aggregate_id()), CheckFrom(check)});
  }
  return domain::ParseBatch(std::move(raw), false, ids, limits);
}

absl::StatusOr<domain::AggregateQuery> FromProto(const v1::GetAggregateStreamRequest& request) {
  domain::RawAggregateQuery raw;
  raw.aggregate_id = request.aggregate_id();
  raw.from_version = request.from_version();
  raw.to_version = request.to_version();
  if (request.has_as_of()) raw.as_of = {request.as_of().seconds(), request.as_of().nanos()};
  raw.direction = request.direction();
  raw.max_events = request.max_events();
  return domain::ParseAggregateQuery(raw);
}

absl::StatusOr<domain::UserQuery> FromProto(const v1::GetUserStreamRequest& request, domain::TimeMicros now,
                                            const domain::RequestLimits& limits) {
  domain::RawUserQuery raw;
  raw.user_id = request.user_id();
  raw.days = request.days();
  raw.range = RangeOf(request);
  raw.event_types = Texts(request.event_types());
  raw.aggregate_types = Texts(request.aggregate_types());
  raw.direction = request.direction();
  raw.limit = request.limit();
  return domain::ParseUserQuery(std::move(raw), now, limits);
}

absl::StatusOr<domain::CorrelationQuery> FromProto(const v1::GetCorrelatedEventsRequest& request,
                                                   domain::TimeMicros now, const domain::RequestLimits& limits) {
  return domain::ParseCorrelationQuery({request.correlation_id(), RangeOf(request)}, now, limits);
}

absl::StatusOr<domain::CountQuery> FromProto(const v1::CountEventsRequest& request, domain::TimeMicros now,
                                             const domain::RequestLimits& limits) {
  domain::RawCountQuery raw;
  raw.user_id = request.user_id();
  raw.event_types = Texts(request.event_types());
  raw.aggregate_types = Texts(request.aggregate_types());
  raw.sources = Texts(request.sources());
  raw.aggregate_id = request.aggregate_id();
  raw.correlation_id = request.correlation_id();
  raw.range = RangeOf(request);
  raw.group_by = request.group_by();
  return domain::ParseCountQuery(std::move(raw), now, limits);
}

absl::StatusOr<domain::ReadAllQuery> FromProto(const v1::ReadAllRequest& request) {
  domain::RawReadAllQuery raw;
  raw.from_position = request.from_position();
  raw.filter = RawFilterFrom(request.filter());
  raw.direction = request.direction();
  raw.max_events = request.max_events();
  return domain::ParseReadAllQuery(std::move(raw));
}

absl::StatusOr<domain::SubscriptionQuery> FromProto(const v1::SubscribeRequest& request) {
  using Kind = domain::SubscriptionStart::Kind;
  domain::RawSubscription raw;
  switch (request.start_case()) {
    case v1::SubscribeRequest::kFromBeginning:
      raw.start = Kind::kBeginning;
      break;
    case v1::SubscribeRequest::kFromNow:
      raw.start = Kind::kNow;
      break;
    case v1::SubscribeRequest::kFromPosition:
      raw.start = Kind::kPosition;
      break;
    case v1::SubscribeRequest::kFromTime:
      raw.start = Kind::kTime;
      break;
    case v1::SubscribeRequest::START_NOT_SET:
      break;
  }
  raw.from_position = request.from_position();
  raw.from_time = {request.from_time().seconds(), request.from_time().nanos()};
  raw.filter = RawFilterFrom(request.filter());
  raw.aggregate_id = request.aggregate_id();
  raw.correlation_id = request.correlation_id();
  raw.heartbeat_seconds = request.heartbeat_seconds();
  return domain::ParseSubscription(std::move(raw));
}

void ToProto(domain::TimeMicros time, google::protobuf::Timestamp* timestamp) {
  std::int64_t seconds = time / domain::kMicrosPerSecond;
  std::int64_t micros = time % domain::kMicrosPerSecond;
  if (micros < 0) {
    micros += domain::kMicrosPerSecond;
    --seconds;
  }
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(static_cast<std::int32_t>(micros * 1000));
}

void ToProto(const domain::AppendResult& result, v1::AppendResponse* response) {
  response->set_aggregate_id(result.aggregate_id.ToString());
  response->set_version(result.version);
  response->mutable_events()->Reserve(static_cast<int>(result.events.size()));
  for (const auto& event : result.events) {
    auto* message = response->add_events();
    message->set_id(event.id.ToString());
    message->set_version(event.version);
    ToProto(event.timestamp, message->mutable_timestamp());
    message->set_global_position(event.global_position);
  }
}

void ToProto(const domain::CountResult& result, v1::CountEventsResponse* response) {
  response->set_count(result.count);
  for (const auto& [key, count] : result.groups) {
    auto* group = response->add_groups();
    group->set_key(key);
    group->set_count(count);
  }
}

void ToProto(const domain::RecordedEvent& event, v1::RecordedEvent* message) {
  message->set_id(event.id.ToString());
  message->set_event_type(event.event_type);
  message->set_user_id(event.user_id);
  message->set_data(event.data);
  message->set_metadata(event.metadata);
  message->set_causation_id(Text(event.causation_id));
  message->set_correlation_id(Text(event.correlation_id));
  message->set_source(event.source);
  ToProto(event.timestamp, message->mutable_timestamp());
  message->set_aggregate_id(event.aggregate_id.ToString());
  message->set_aggregate_type(event.aggregate_type);
  message->set_version(event.version);
  message->set_global_position(event.global_position);
}

void MoveEvents(std::vector<domain::RecordedEvent>& events,
                google::protobuf::RepeatedPtrField<v1::RecordedEvent>* messages) {
  messages->Reserve(static_cast<int>(events.size()));
  for (auto& event : events) {
    auto* message = messages->Add();
    message->set_id(event.id.ToString());
    message->set_event_type(std::move(event.event_type));
    message->set_user_id(std::move(event.user_id));
    message->set_data(std::move(event.data));
    message->set_metadata(std::move(event.metadata));
    message->set_causation_id(Text(event.causation_id));
    message->set_correlation_id(Text(event.correlation_id));
    message->set_source(std::move(event.source));
    ToProto(event.timestamp, message->mutable_timestamp());
    message->set_aggregate_id(event.aggregate_id.ToString());
    message->set_aggregate_type(std::move(event.aggregate_type));
    message->set_version(event.version);
    message->set_global_position(event.global_position);
  }
}

}  // namespace eventstore::service
