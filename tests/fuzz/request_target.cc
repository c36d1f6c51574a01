#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <set>

#include "eventstore/v1/event_store.pb.h"
#include "fmt/format.h"
#include "server/domain/json_object.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"
#include "server/service/request_parser.h"
#include "server/service/translate.h"
#include "server/service/translate_groups.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fake_clock.h"

namespace eventstore::fuzz {
namespace {

constexpr domain::TimeMicros kNow = 1'763'683'200 * domain::kMicrosPerSecond;

bool IsText(const std::string& text, std::size_t min, std::size_t max) {
  return text.size() >= min && text.size() <= max && domain::IsValidUtf8(text);
}

bool AreTexts(const std::vector<std::string>& texts, std::size_t max) {
  if (texts.size() > domain::kMaxFilterValues) return false;
  return std::ranges::all_of(texts, [&](const std::string& text) { return IsText(text, 1, max); });
}

bool IsObject(const std::string& json, std::size_t max) {
  const auto facts = domain::InspectJsonObject(json);
  return facts.ok() && facts->normal_bytes <= max;
}

std::string Check(const domain::AppendBatch& batch) {
  if (batch.appends.empty() || batch.appends.size() > domain::kMaxAppendsPerBatch) return "number of appends";
  if (batch.checks.size() > domain::kMaxChecksPerBatch) return "number of checks";
  std::set<domain::Uuid> ids;
  std::size_t events = 0;
  for (const domain::Append& append : batch.appends) {
    if (!IsText(append.aggregate_type, 1, domain::kMaxAggregateTypeBytes)) return "aggregate_type";
    if (append.check.expected < 0) return "expected_version";
    if (append.events.empty()) return "no events";
    for (const domain::NewEvent& event : append.events) {
      ++events;
      if (!ids.insert(event.id).second) return "repeated id";
      if (!IsText(event.event_type, 1, domain::kMaxEventTypeBytes)) return "event_type";
      if (!IsText(event.user_id, 0, domain::kMaxUserIdBytes)) return "user_id";
      if (!IsText(event.source, 1, domain::kMaxSourceBytes)) return "source";
      if (!IsObject(event.data, domain::kMaxDataBytes)) return "data";
      if (!IsObject(event.metadata, domain::kMaxMetadataBytes)) return "metadata";
    }
  }
  if (events > domain::kMaxEventsPerRequest) return "number of events";
  for (const domain::AggregateCheck& check : batch.checks) {
    if (check.check.kind == domain::VersionCheck::Kind::kAny) return "a check of nothing";
  }
  return "";
}

// Empty only in one way: nothing is before the first moment there is.
std::string Check(const domain::TimeRange& range) {
  return range.from >= domain::kMinTime && range.from <= range.to ? "" : "range";
}

std::string Check(const domain::EventFilter& filter) {
  if (!AreTexts(filter.event_types, domain::kMaxEventTypeBytes)) return "event_types";
  if (!AreTexts(filter.aggregate_types, domain::kMaxAggregateTypeBytes)) return "aggregate_types";
  if (!AreTexts(filter.user_ids, domain::kMaxUserIdBytes)) return "user_ids";
  if (!AreTexts(filter.event_type_prefixes, domain::kMaxEventTypeBytes)) return "event_type_prefixes";
  if (filter.correlation_ids.size() > domain::kMaxFilterValues) return "correlation_ids";
  if (filter.metadata.size() > domain::kMaxFilterValues) return "metadata";
  for (const auto& [key, value] : filter.metadata) {
    if (!IsText(key, 0, domain::kMaxMetadataFilterBytes)) return "a key of metadata";
    if (!IsText(value, 0, domain::kMaxMetadataFilterBytes)) return "a value of metadata";
  }
  return AreTexts(filter.sources, domain::kMaxSourceBytes) ? "" : "sources";
}

std::string Check(const domain::AggregateQuery& query) {
  if (query.from_version < 1 || query.from_version > query.to_version) return "versions";
  return query.max_events > 0 ? "" : "max_events";
}

std::string Check(const domain::UserQuery& query) {
  if (!IsText(query.user_id, 1, domain::kMaxUserIdBytes)) return "user_id";
  if (query.max_events <= 0) return "limit";
  const std::string problem = Check(query.range);
  domain::EventFilter filter;
  filter.event_types = query.event_types;
  filter.aggregate_types = query.aggregate_types;
  return problem.empty() ? Check(filter) : problem;
}

std::string Check(const domain::CorrelationQuery& query) { return Check(query.range); }

std::string Check(const domain::CountQuery& query) {
  const std::string problem = Check(query.range);
  return problem.empty() ? Check(query.filter) : problem;
}

std::string Check(const domain::ReadAllQuery& query) {
  if (query.from_position < 0) return "from_position";
  return query.max_events > 0 ? Check(query.filter) : "max_events";
}

std::string Check(const domain::SubscriptionQuery& query) {
  if (query.start.position < 0) return "start";
  if (query.heartbeat_seconds < 1 || query.heartbeat_seconds > domain::kMaxHeartbeatSeconds) return "heartbeat_seconds";
  return Check(query.filter);
}

bool IsName(const std::string& name) { return IsText(name, 1, domain::kMaxGroupNameBytes); }

std::string Check(const domain::NewGroup& group) {
  if (!IsName(group.name)) return "name";
  if (group.buckets < 1 || group.buckets > domain::kMaxBuckets) return "buckets";
  const auto& settings = group.settings;
  if (settings.ack_timeout.count() < domain::kMinAckTimeoutMs) return "ack_timeout_ms";
  if (settings.max_deliveries < 1 || settings.max_deliveries > domain::kMaxDeliveries) return "max_deliveries";
  if (settings.retry_pause.count() < 1) return "retry_pause_ms";
  return group.start.position < 0 ? "start" : Check(settings.filter);
}

std::string Check(const domain::ParkedSelection& selection) {
  if (!IsName(selection.group)) return "group";
  if (selection.event_ids.size() > domain::kMaxParkedIds) return "event_ids";
  return selection.max_events < 0 ? "max_events" : Check(selection.filter);
}

std::string Check(const domain::JoinRequest& join) {
  if (!IsName(join.group)) return "group";
  if (!IsText(join.consumer_name, 0, domain::kMaxConsumerNameBytes)) return "consumer_name";
  if (join.max_in_flight < 1 || join.max_in_flight > domain::kMaxInFlight) return "max_in_flight";
  return join.heartbeat_seconds < 1 ? "heartbeat_seconds" : "";
}

template <typename Message, typename Translate>
std::string CheckAs(const service::RequestParser& parser, const std::string& input, const Translate& translate) {
  Message message;
  const absl::Status parsed = parser.ParseText(input, &message);
  std::string problem;
  if (!parsed.ok()) {
    problem = CheckRefusal(parsed);
  } else {
    const auto result = translate(std::move(message));
    problem = result.ok() ? Check(*result) : CheckRefusal(result.status());
  }
  return problem.empty() ? "" : fmt::format("{}: {}", Message::descriptor()->name(), problem);
}

}  // namespace

std::string CheckRequest(const std::string& input) {
  static const service::RequestParser parser;
  // Protobuf would print a line for each text that is not UTF-8.
  const google::protobuf::LogSilencer silence;
  testing::CountingIds ids;
  const auto append = [&](auto message) { return service::FromProto(std::move(message), ids); };
  const auto query = [](const auto& message) { return service::FromProto(message); };
  std::string problems;
  problems += CheckAs<v1::AppendRequest>(parser, input, append);
  problems += CheckAs<v1::AppendBatchRequest>(parser, input, append);
  problems += CheckAs<v1::GetAggregateStreamRequest>(parser, input, query);
  problems += CheckAs<v1::GetUserStreamRequest>(
      parser, input, [](const v1::GetUserStreamRequest& message) { return service::FromProto(message, kNow); });
  problems += CheckAs<v1::GetCorrelatedEventsRequest>(parser, input, query);
  problems += CheckAs<v1::CountEventsRequest>(parser, input, query);
  problems += CheckAs<v1::ReadAllRequest>(parser, input, query);
  problems += CheckAs<v1::SubscribeRequest>(parser, input, query);
  problems += CheckAs<v1::CreateConsumerGroupRequest>(parser, input, query);
  problems += CheckAs<v1::ReplayParkedEventsRequest>(parser, input, [](const v1::ReplayParkedEventsRequest& message) {
    return service::FromProto(message.group(), message.selection());
  });
  problems += CheckAs<v1::ConsumeRequest>(
      parser, input, [](const v1::ConsumeRequest& message) { return service::FromProto(message.join()); });
  return problems;
}

}  // namespace eventstore::fuzz
