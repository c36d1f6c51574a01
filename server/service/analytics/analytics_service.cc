#include "server/service/analytics/analytics_service.h"

#include <algorithm>

#include "server/service/analytics/translate_analytics.h"
#include "server/storage/analytics/definitions.h"
#include "server/storage/analytics/hourly_reader.h"

namespace eventstore::service {
namespace {

using domain::HourlyQuery;
using storage::Session;

}  // namespace

template <typename Request, typename Response, typename Run>
AnalyticsService::Unary* AnalyticsService::Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response,
                                               Run run) {
  return AskPool<Request, Response>(
      {parts_.calls, parts_.readers, parts_.clock, parts_.deadline, parser_}, rpc, context, request, response,
      [this](const Request& message) { return FromProto(message, parts_.clock.Now()); }, run);
}

AnalyticsService::Unary* AnalyticsService::GetCounts(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetCountsResponse;
  return Ask<v1::GetCountsRequest, Response>(
      Rpc::kGetCounts, context, request, response,
      [this](Session& session, const HourlyQuery& query) -> absl::StatusOr<Response> {
        auto answer = storage::ReadHourly(session, parts_.chunks, query);
        if (!answer.ok()) return answer.status();
        return CountsToProto(query, *answer);
      });
}

AnalyticsService::Unary* AnalyticsService::GetTopRefs(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetTopRefsResponse;
  return Ask<v1::GetTopRefsRequest, Response>(
      Rpc::kGetTopRefs, context, request, response,
      [this](Session& session, const HourlyQuery& query) -> absl::StatusOr<Response> {
        auto answer = storage::ReadMost(session, parts_.chunks, query);
        if (!answer.ok()) return answer.status();
        return TopToProto(query, *answer);
      });
}

AnalyticsService::Unary* AnalyticsService::GetFailureRate(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetFailureRateResponse;
  return Ask<v1::GetFailureRateRequest, Response>(
      Rpc::kGetFailureRate, context, request, response,
      [this](Session& session, const HourlyQuery& query) -> absl::StatusOr<Response> {
        auto answer = storage::ReadHourly(session, parts_.chunks, query);
        if (!answer.ok()) return answer.status();
        return FailureRateToProto(query, *answer);
      });
}

AnalyticsService::Unary* AnalyticsService::GetThroughput(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetThroughputResponse;
  return Ask<v1::GetThroughputRequest, Response>(
      Rpc::kGetThroughput, context, request, response,
      [this](Session& session, const HourlyQuery& query) -> absl::StatusOr<Response> {
        HourlyQuery creations = query;
        creations.aggregate = domain::Aggregate::kExecutionThroughput;
        creations.statuses.clear();
        auto created = storage::ReadHourly(session, parts_.chunks, creations);
        if (!created.ok()) return created.status();
        auto endings = storage::ReadHourly(session, parts_.chunks, query);
        if (!endings.ok()) return endings.status();
        return ThroughputToProto(query, *created, *endings);
      });
}

AnalyticsService::Unary* AnalyticsService::ListAggregates(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListAggregatesResponse;
  return AskPool<v1::ListAggregatesRequest, Response>(
      {parts_.calls, parts_.readers, parts_.clock, parts_.deadline, parser_}, Rpc::kListAggregates, context, request,
      response, [](const auto&) { return absl::StatusOr<bool>(true); },
      [](Session& session, bool) -> absl::StatusOr<Response> {
        auto states = storage::ReadHourlyStates(session);
        if (!states.ok()) return states.status();
        Response answer;
        for (const auto& definition : storage::HourlyDefinitions()) {
          const auto state = std::ranges::find(*states, definition.name, [](const auto& s) { return s.name; });
          if (state != states->end()) *answer.add_aggregates() = StateToProto(definition.aggregate, *state);
        }
        return answer;
      });
}

}  // namespace eventstore::service
