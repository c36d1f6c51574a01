#include "server/service/analytics/translate_analytics.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/domain/analytics_validation.h"
#include "server/service/translate.h"

namespace eventstore::service {
namespace {

using domain::HourlyAnswer;
using domain::HourlyQuery;
using domain::TimeMicros;

domain::RawTime RawTimeFrom(const google::protobuf::Timestamp& time) { return {time.seconds(), time.nanos()}; }

// What every request has.
template <typename Request>
domain::RawHourlyQuery RawFrom(const Request& request) {
  domain::RawHourlyQuery raw;
  if (request.has_from_time()) raw.range.from = RawTimeFrom(request.from_time());
  if (request.has_to_time()) raw.range.to = RawTimeFrom(request.to_time());
  raw.include_recent = request.include_recent();
  return raw;
}

template <typename Response>
void SetFrame(const HourlyQuery& query, const domain::HourlyState& state, Response* response) {
  ToProto(query.range.from, response->mutable_from_time());
  ToProto(query.range.to, response->mutable_to_time());
  v1::Freshness* freshness = response->mutable_freshness();
  if (state.refreshed_until) ToProto(*state.refreshed_until, freshness->mutable_refreshed_until());
  if (state.refreshed_at) ToProto(*state.refreshed_at, freshness->mutable_refreshed_at());
  freshness->set_includes_recent(query.include_recent);
}

void SetEndings(const domain::Endings& endings, v1::Endings* message) {
  message->set_completed(endings.completed);
  message->set_failed(endings.failed);
  message->set_timeout(endings.timeout);
  message->set_abandoned(endings.abandoned);
  message->set_cancelled(endings.cancelled);
  if (const auto rate = endings.FailureRate()) message->set_failure_rate(*rate);
}

// Of the range those that are counted.
double Hours(const HourlyQuery& query, const domain::HourlyState& state) {
  TimeMicros to = query.range.to;
  if (!query.include_recent) to = std::min(to, state.refreshed_until.value_or(query.range.from));
  return static_cast<double>(std::max<TimeMicros>(0, to - query.range.from)) /
         static_cast<double>(domain::kMicrosPerHour);
}

}  // namespace

absl::StatusOr<HourlyQuery> FromProto(const v1::GetCountsRequest& request, TimeMicros now) {
  domain::RawHourlyQuery raw = RawFrom(request);
  raw.aggregate = request.aggregate();
  raw.bucket = request.bucket();
  raw.refs.assign(request.refs().begin(), request.refs().end());
  raw.statuses.assign(request.statuses().begin(), request.statuses().end());
  raw.sum_refs = request.sum_refs();
  raw.sum_statuses = request.sum_statuses();
  raw.page_size = request.page_size();
  raw.page_token = request.page_token();
  return domain::ParseHourlyQuery(std::move(raw), now);
}

absl::StatusOr<HourlyQuery> FromProto(const v1::GetTopRefsRequest& request, TimeMicros now) {
  domain::RawHourlyQuery raw = RawFrom(request);
  raw.aggregate = request.aggregate();
  raw.statuses.assign(request.statuses().begin(), request.statuses().end());
  raw.page_size = request.limit();
  return domain::ParseTopQuery(std::move(raw), now);
}

absl::StatusOr<HourlyQuery> FromProto(const v1::GetFailureRateRequest& request, TimeMicros now) {
  domain::RawHourlyQuery raw = RawFrom(request);
  raw.bucket = request.bucket();
  raw.refs.assign(request.action_refs().begin(), request.action_refs().end());
  return domain::ParseExecutionsQuery(std::move(raw), now);
}

absl::StatusOr<HourlyQuery> FromProto(const v1::GetThroughputRequest& request, TimeMicros now) {
  domain::RawHourlyQuery raw = RawFrom(request);
  raw.bucket = request.bucket();
  raw.refs.assign(request.action_refs().begin(), request.action_refs().end());
  return domain::ParseExecutionsQuery(std::move(raw), now);
}

v1::GetCountsResponse CountsToProto(const HourlyQuery& query, const HourlyAnswer& answer) {
  v1::GetCountsResponse response;
  for (const auto& point : answer.points) {
    v1::HourlyCount* count = response.add_counts();
    ToProto(point.key.bucket, count->mutable_bucket());
    count->set_ref(point.key.ref);
    count->set_status(point.key.status);
    count->set_count(point.count);
  }
  if (answer.more) response.set_next_page_token(domain::CountToken(answer.points.back().key));
  SetFrame(query, answer.state, &response);
  return response;
}

v1::GetTopRefsResponse TopToProto(const HourlyQuery& query, const HourlyAnswer& answer) {
  v1::GetTopRefsResponse response;
  for (const auto& point : answer.points) {
    v1::RefCount* ref = response.add_refs();
    ref->set_ref(point.key.ref);
    ref->set_count(point.count);
  }
  response.set_total(answer.total);
  response.set_distinct_refs(answer.keys);
  SetFrame(query, answer.state, &response);
  return response;
}

v1::GetFailureRateResponse FailureRateToProto(const HourlyQuery& query, const HourlyAnswer& answer) {
  v1::GetFailureRateResponse response;
  const auto buckets = domain::EndingsOf(answer.points);
  for (const auto& bucket : buckets) {
    v1::Endings* message = response.add_buckets();
    ToProto(bucket.bucket, message->mutable_bucket());
    SetEndings(bucket, message);
  }
  SetEndings(domain::SumOf(buckets), response.mutable_total());
  SetFrame(query, answer.state, &response);
  return response;
}

v1::GetThroughputResponse ThroughputToProto(const HourlyQuery& query, const HourlyAnswer& created,
                                            const HourlyAnswer& endings) {
  v1::GetThroughputResponse response;
  for (const auto& bucket : domain::ThroughputOf(created.points, domain::EndingsOf(endings.points))) {
    v1::Throughput* message = response.add_buckets();
    ToProto(bucket.bucket, message->mutable_bucket());
    message->set_created(bucket.created);
    message->set_ended(bucket.ended);
    response.set_created(response.created() + bucket.created);
    response.set_ended(response.ended() + bucket.ended);
  }
  if (const double hours = Hours(query, created.state); hours > 0) {
    response.set_created_per_hour(static_cast<double>(response.created()) / hours);
    response.set_ended_per_hour(static_cast<double>(response.ended()) / hours);
  }
  SetFrame(query, created.state, &response);
  return response;
}

v1::AggregateState StateToProto(domain::Aggregate aggregate, const domain::HourlyState& state) {
  v1::AggregateState message;
  message.set_aggregate(static_cast<v1::HourlyAggregate>(static_cast<int>(aggregate) + 1));
  message.set_name(state.name);
  message.set_continuous(state.continuous);
  if (state.refreshed_until) ToProto(*state.refreshed_until, message.mutable_refreshed_until());
  if (state.refreshed_at) ToProto(*state.refreshed_at, message.mutable_refreshed_at());
  return message;
}

}  // namespace eventstore::service
