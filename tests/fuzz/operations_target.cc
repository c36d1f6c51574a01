#include <google/protobuf/stubs/logging.h>

#include "eventstore/v1/analytics.pb.h"
#include "eventstore/v1/housekeeper.pb.h"
#include "eventstore/v1/operations.pb.h"
#include "fmt/format.h"
#include "server/domain/analytics_validation.h"
#include "server/domain/json_object.h"
#include "server/domain/limits.h"
#include "server/domain/operations/fields.h"
#include "server/domain/validation.h"
#include "server/service/analytics/translate_analytics.h"
#include "server/service/operations/translate_operations.h"
#include "server/service/request_parser.h"
#include "server/service/translate_housekeeper.h"
#include "tests/fuzz/refusal.h"
#include "tests/fuzz/targets.h"
#include "tests/support/fake_clock.h"

namespace eventstore::fuzz {
namespace {

constexpr domain::TimeMicros kNow = 1'763'683'200 * domain::kMicrosPerSecond;

bool IsText(const std::string& text, std::size_t max) { return text.size() <= max && domain::IsValidUtf8(text); }

bool IsObject(const std::string& json, std::size_t max) {
  const auto facts = domain::InspectJsonObject(json);
  return facts.ok() && facts->normal_bytes <= max;
}

bool IsPage(int size) { return size > 0 && size <= domain::kMaxCounts; }

std::string Check(const domain::TimeRange& range) {
  return range.from >= domain::kMinTime && range.from <= range.to ? "" : "range";
}

// What a token became goes into SQL as it is, and back into a token.
std::string Check(const std::optional<domain::RecordPlace>& after) {
  if (!after) return "";
  if (after->time < domain::kMinTime || after->time > domain::kMaxTime) return "the time of a page_token";
  domain::Fields again;
  const auto same = again.PageToken(TokenOf(*after));
  return same && same->time == after->time && same->key == after->key ? "" : "a page_token that is not its own";
}

std::string Check(const std::optional<domain::ChangePlace>& after) {
  if (!after) return "";
  if (after->position < 0) return "the position of a resume_token";
  domain::Fields again;
  const auto same = again.ResumeToken(TokenOf(*after));
  return same && same->time == after->time && same->position == after->position ? "" : "a resume_token";
}

std::string Check(const domain::NewTriggerEvent& event) {
  if (!IsText(event.trigger_ref, domain::kMaxRefBytes)) return "trigger_ref";
  return IsObject(event.payload, domain::kMaxDataBytes) ? "" : "payload";
}

std::string Check(const domain::NewEnforcement& enforcement) {
  return IsText(enforcement.rule_ref, domain::kMaxRefBytes) ? "" : "rule_ref";
}

std::string Check(const domain::NewExecution& execution) {
  return IsText(execution.action_ref, domain::kMaxRefBytes) ? "" : "action_ref";
}

std::string Check(const domain::NewWorker& worker) { return IsText(worker.host, domain::kMaxHostBytes) ? "" : "host"; }

std::string Check(const domain::RecordKey& key) {
  if (!key.created) return "";
  return *key.created >= domain::kMinTime && *key.created <= domain::kMaxTime ? "" : "created";
}

std::string Check(const domain::Resolution& resolution) { return Check(resolution.key); }

std::string Check(const domain::Move& move) {
  if (move.result && !IsObject(*move.result, domain::kMaxDataBytes)) return "result";
  return Check(move.key);
}

std::string Check(const service::WorkerKey& key) {
  return key.id.has_value() == key.name.empty() ? "" : "neither an id nor a name";
}

std::string Check(const domain::RecordQuery& query) {
  if (!IsPage(query.page_size)) return "page_size";
  return Check(query.range) + Check(query.after);
}

std::string Check(const domain::WorkerQuery& query) { return IsPage(query.page_size) ? "" : "page_size"; }

std::string Check(const domain::HistoryQuery& query) {
  if (!IsText(query.table, domain::kMaxTableNameBytes)) return "table";
  if (!IsPage(query.page_size)) return "page_size";
  return Check(query.range) + Check(query.after);
}

std::string Check(const domain::WatchQuery& query) {
  if (query.heartbeat_seconds < 1 || query.heartbeat_seconds > domain::kMaxHeartbeatSeconds) return "heartbeat_seconds";
  if (query.filter.refs.size() > domain::kMaxFilterValues) return "refs";
  return Check(query.after);
}

std::string Check(const domain::HourlyQuery& query) {
  // Questions without pages have as many as the longest range has hours.
  if (query.limit < 1 || query.limit > 5 * domain::kMaxHourlyDays * 24) return "page_size";
  if (query.refs.size() > domain::kMaxFilterValues) return "refs";
  if (query.after && domain::CountToken(*query.after).empty()) return "page_token";
  return Check(query.range);
}

std::string Check(const domain::RunRequest& run) {
  return run.retention_days && *run.retention_days < 1 ? "retention_days" : "";
}

std::string Check(const domain::RunList& list) {
  if (list.before < 0) return "page_token";
  return IsPage(list.page_size) ? "" : "page_size";
}

std::string Check(const domain::PlanUpdate& update) { return update.schedule || update.enabled ? "" : "no change"; }

std::string Check(int partitions) { return partitions >= 0 ? "" : "limit"; }

template <typename Message, typename Translate>
std::string CheckAs(const service::RequestParser& parser, const std::string& input, const Translate& translate) {
  Message message;
  const absl::Status parsed = parser.ParseText(input, &message);
  std::string problem;
  if (!parsed.ok()) {
    problem = CheckRefusal(parsed);
  } else {
    const auto result = translate(message);
    problem = result.ok() ? Check(*result) : CheckRefusal(result.status());
  }
  return problem.empty() ? "" : fmt::format("{}: {}", Message::descriptor()->name(), problem);
}

template <typename... Messages, typename Translate>
std::string CheckEach(const service::RequestParser& parser, const std::string& input, const Translate& translate) {
  std::string problems;
  ((problems += CheckAs<Messages>(parser, input, translate)), ...);
  return problems;
}

}  // namespace

std::string CheckRecordRequest(const std::string& input) {
  static const service::RequestParser parser;
  // Protobuf would print a line for each text that is not UTF-8.
  const google::protobuf::LogSilencer silence;
  testing::CountingIds ids;
  return CheckEach<v1::RecordEventRequest, v1::CreateEnforcementRequest, v1::CreateExecutionRequest,
                   v1::RegisterWorkerRequest>(parser, input,
                                              [&](const auto& message) { return service::FromProto(message, ids); }) +
         CheckEach<v1::ResolveEnforcementRequest, v1::MoveExecutionRequest, v1::GetEventRequest,
                   v1::GetEnforcementRequest, v1::GetExecutionRequest, v1::GetWorkerRequest, v1::ListEventsRequest,
                   v1::ListEnforcementsRequest, v1::ListExecutionsRequest, v1::ListWorkersRequest,
                   v1::GetHistoryRequest, v1::WatchRequest, v1::RunTaskRequest, v1::ListRunsRequest,
                   v1::UpdateScheduleRequest, v1::GetPartitionStatusRequest>(
             parser, input, [](const auto& message) { return service::FromProto(message); }) +
         CheckEach<v1::GetCountsRequest, v1::GetTopRefsRequest, v1::GetFailureRateRequest, v1::GetThroughputRequest>(
             parser, input, [](const auto& message) { return service::FromProto(message, kNow); });
}

std::string CheckToken(const std::string& input) {
  domain::Fields fields;
  std::string problem = Check(fields.PageToken(input)) + Check(fields.ResumeToken(input));
  domain::RawHourlyQuery raw;
  raw.aggregate = 1;
  raw.page_token = input;
  const auto hourly = domain::ParseHourlyQuery(std::move(raw), kNow);
  problem += hourly.ok() ? Check(*hourly) : CheckRefusal(hourly.status());
  const auto runs = domain::ParseRunList("", 0, 0, input);
  return problem + (runs.ok() ? Check(*runs) : CheckRefusal(runs.status()));
}

}  // namespace eventstore::fuzz
