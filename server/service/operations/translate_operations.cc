#include "server/service/operations/translate_operations.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "server/domain/operations/fields.h"
#include "server/service/translate.h"

namespace eventstore::service {
namespace {

using domain::Fields;

// What the fields made, unless one of them was wrong.
template <typename Query>
absl::StatusOr<Query> Checked(const Fields& fields, Query query) {
  if (absl::Status right = fields.ToStatus(); !right.ok()) return right;
  return query;
}

std::optional<domain::RawTime> RawTimeOf(bool given, const google::protobuf::Timestamp& time) {
  if (!given) return std::nullopt;
  return domain::RawTime{time.seconds(), time.nanos()};
}

template <typename Message>
domain::TimeRange RangeOf(Fields& fields, const Message& request) {
  return fields.Range(
      {RawTimeOf(request.has_from_time(), request.from_time()), RawTimeOf(request.has_to_time(), request.to_time())});
}

template <typename Message>
domain::RecordKey KeyOf(Fields& fields, const Message& request) {
  return {fields.Id("id", request.id()), fields.Time("created", RawTimeOf(request.has_created(), request.created()))};
}

template <typename Message>
absl::StatusOr<domain::RecordKey> CheckedKey(const Message& request) {
  Fields fields;
  auto key = KeyOf(fields, request);
  return Checked(fields, std::move(key));
}

// What the lists of records have in common.
template <typename Message>
domain::RecordQuery ListOf(Fields& fields, const Message& request, const char* ref_name, const std::string& ref) {
  domain::RecordQuery query;
  query.ref = fields.Text(ref_name, ref, 0, domain::kMaxRefBytes);
  query.correlation_id = fields.OptionalId("correlation_id", request.correlation_id());
  query.range = RangeOf(fields, request);
  query.page_size = fields.PageSize(request.page_size());
  query.after = fields.PageToken(request.page_token());
  if (query.after && !domain::Uuid::Parse(query.after->key)) fields.Add("page_token", "is one of another call");
  return query;
}

std::string Text(const std::optional<domain::Uuid>& id) { return id ? id->ToString() : ""; }

}  // namespace

absl::StatusOr<domain::NewTriggerEvent> FromProto(const v1::RecordEventRequest& request, domain::IdMaker& ids) {
  Fields fields;
  domain::NewTriggerEvent event{
      .id = fields.IdToMake("id", request.id(), ids),
      .trigger_ref = fields.Ref("trigger_ref", request.trigger_ref()),
      .trigger_id = fields.OptionalId("trigger_id", request.trigger_id()),
      .source = fields.Text("source", request.source(), 0, 100),
      .rule_ref = fields.OptionalRef("rule_ref", request.rule_ref()),
      .payload = fields.Object("payload", request.payload()),
      .correlation_id = fields.OptionalId("correlation_id", request.correlation_id()),
  };
  return Checked(fields, std::move(event));
}

absl::StatusOr<domain::NewEnforcement> FromProto(const v1::CreateEnforcementRequest& request, domain::IdMaker& ids) {
  Fields fields;
  domain::NewEnforcement enforcement{
      .id = fields.IdToMake("id", request.id(), ids),
      .rule_ref = fields.Ref("rule_ref", request.rule_ref()),
      .rule_id = fields.OptionalId("rule_id", request.rule_id()),
      .trigger_ref = fields.Ref("trigger_ref", request.trigger_ref()),
      .event_id = fields.OptionalId("event_id", request.event_id()),
      .condition = fields.Object("condition", request.condition()),
      .payload = fields.Object("payload", request.payload()),
      .correlation_id = fields.OptionalId("correlation_id", request.correlation_id()),
  };
  return Checked(fields, std::move(enforcement));
}

absl::StatusOr<domain::NewExecution> FromProto(const v1::CreateExecutionRequest& request, domain::IdMaker& ids) {
  Fields fields;
  domain::NewExecution execution{
      .id = fields.IdToMake("id", request.id(), ids),
      .action_ref = fields.Ref("action_ref", request.action_ref()),
      .action_id = fields.OptionalId("action_id", request.action_id()),
      .enforcement_id = fields.OptionalId("enforcement_id", request.enforcement_id()),
      .parent_id = fields.OptionalId("parent_id", request.parent_id()),
      .parameters = fields.Object("parameters", request.parameters()),
      .correlation_id = fields.OptionalId("correlation_id", request.correlation_id()),
  };
  return Checked(fields, std::move(execution));
}

absl::StatusOr<domain::NewWorker> FromProto(const v1::RegisterWorkerRequest& request, domain::IdMaker& ids) {
  Fields fields;
  domain::NewWorker worker{
      .id = fields.OptionalId("id", request.id()),
      .made_id = ids.Make(),
      .name = fields.Ref("name", request.name()),
      .host = fields.Text("host", request.host(), 0, domain::kMaxHostBytes),
      .worker_type = fields.Text("worker_type", request.worker_type(), 0, domain::kMaxWorkerTypeBytes),
      .capabilities = fields.Object("capabilities", request.capabilities()),
  };
  return Checked(fields, std::move(worker));
}

absl::StatusOr<domain::Resolution> FromProto(const v1::ResolveEnforcementRequest& request) {
  Fields fields;
  domain::Resolution resolution{KeyOf(fields, request),
                                fields.RequiredStatus<domain::EnforcementStatus>(
                                    "status", static_cast<int>(request.status()), domain::kEnforcementStatuses)};
  if (request.status() == v1::ENFORCEMENT_STATUS_CREATED) {
    fields.Add("status", "is CREATED: an enforcement is resolved as PROCESSED or DISABLED");
  }
  return Checked(fields, resolution);
}

absl::StatusOr<domain::Move> FromProto(const v1::MoveExecutionRequest& request) {
  Fields fields;
  domain::Move move{
      .key = KeyOf(fields, request),
      .expected = fields.RequiredStatus<domain::ExecutionStatus>(
          "expected_status", static_cast<int>(request.expected_status()), domain::kExecutionStatuses),
      .status = fields.RequiredStatus<domain::ExecutionStatus>("status", static_cast<int>(request.status()),
                                                               domain::kExecutionStatuses),
      .worker_id = fields.OptionalId("worker_id", request.worker_id()),
      .result = fields.OptionalObject("result", request.result()),
  };
  return Checked(fields, std::move(move));
}

absl::StatusOr<domain::RecordKey> FromProto(const v1::GetEventRequest& request) { return CheckedKey(request); }
absl::StatusOr<domain::RecordKey> FromProto(const v1::GetEnforcementRequest& request) { return CheckedKey(request); }
absl::StatusOr<domain::RecordKey> FromProto(const v1::GetExecutionRequest& request) { return CheckedKey(request); }

absl::StatusOr<WorkerKey> FromProto(const v1::GetWorkerRequest& request) {
  Fields fields;
  WorkerKey key{fields.OptionalId("id", request.id()), fields.Text("name", request.name(), 0, domain::kMaxRefBytes)};
  if (request.id().empty() == request.name().empty()) fields.Add("id", "or name: send one of the two");
  return Checked(fields, std::move(key));
}

absl::StatusOr<domain::Uuid> WorkerId(const std::string& id) {
  Fields fields;
  return Checked(fields, fields.Id("id", id));
}

absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListEventsRequest& request) {
  Fields fields;
  auto query = ListOf(fields, request, "trigger_ref", request.trigger_ref());
  return Checked(fields, std::move(query));
}

absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListEnforcementsRequest& request) {
  Fields fields;
  auto query = ListOf(fields, request, "rule_ref", request.rule_ref());
  query.status = fields.AnyStatus("status", static_cast<int>(request.status()), domain::kEnforcementStatuses);
  return Checked(fields, std::move(query));
}

absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListExecutionsRequest& request) {
  Fields fields;
  auto query = ListOf(fields, request, "action_ref", request.action_ref());
  query.status = fields.AnyStatus("status", static_cast<int>(request.status()), domain::kExecutionStatuses);
  return Checked(fields, std::move(query));
}

absl::StatusOr<domain::WorkerQuery> FromProto(const v1::ListWorkersRequest& request) {
  Fields fields;
  domain::WorkerQuery query{
      .status = fields.AnyStatus("status", static_cast<int>(request.status()), domain::kWorkerStatuses),
      .worker_type = fields.Text("worker_type", request.worker_type(), 0, domain::kMaxWorkerTypeBytes),
      .page_size = fields.PageSize(request.page_size()),
      .after = fields.Text("page_token", request.page_token(), 0, domain::kMaxRefBytes),
  };
  return Checked(fields, std::move(query));
}

absl::StatusOr<domain::HistoryQuery> FromProto(const v1::GetHistoryRequest& request) {
  Fields fields;
  domain::HistoryQuery query{
      .table = fields.Text("table", request.table(), 1, domain::kMaxTableNameBytes),
      .entity_id = fields.Text("entity_id", request.entity_id(), 0, domain::kMaxRefBytes),
      .entity_ref = fields.Text("entity_ref", request.entity_ref(), 0, domain::kMaxRefBytes),
      .field = fields.Text("field", request.field(), 0, domain::kMaxRefBytes),
      .status = fields.Text("status", request.status(), 0, domain::kMaxRefBytes),
      .range = RangeOf(fields, request),
      .direction =
          request.direction() == v1::DIRECTION_BACKWARD ? domain::Direction::kBackward : domain::Direction::kForward,
      .page_size = fields.PageSize(request.page_size()),
      .after = fields.PageToken(request.page_token()),
  };
  if (!request.entity_id().empty() && !request.entity_ref().empty()) {
    fields.Add("entity_id", "and entity_ref are both given: send one of the two");
  }
  if (static_cast<int>(request.direction()) < 0 || static_cast<int>(request.direction()) > 2) {
    fields.Add("direction", "is none that is known");
  }
  if (query.after && domain::Uuid::Parse(query.after->key)) fields.Add("page_token", "is one of another call");
  return Checked(fields, std::move(query));
}

absl::StatusOr<domain::WatchQuery> FromProto(const v1::WatchRequest& request) {
  Fields fields;
  domain::WatchQuery query;
  query.after = fields.ResumeToken(request.resume_token());
  query.filter.kinds = fields.Kinds("kinds", {request.kinds().begin(), request.kinds().end()});
  query.filter.refs = fields.Refs("refs", {request.refs().begin(), request.refs().end()});
  query.filter.statuses = fields.Refs("statuses", {request.statuses().begin(), request.statuses().end()});
  query.heartbeat_seconds = fields.Heartbeat(request.heartbeat_seconds());
  return Checked(fields, std::move(query));
}

void ToProto(const domain::TriggerEvent& event, v1::TriggerEvent* message) {
  message->set_id(event.id.ToString());
  ToProto(event.created, message->mutable_created());
  message->set_trigger_ref(event.trigger_ref);
  message->set_trigger_id(Text(event.trigger_id));
  message->set_source(event.source);
  message->set_rule_ref(event.rule_ref.value_or(""));
  message->set_payload(event.payload);
  message->set_correlation_id(Text(event.correlation_id));
}

void ToProto(const domain::Enforcement& enforcement, v1::Enforcement* message) {
  message->set_id(enforcement.id.ToString());
  ToProto(enforcement.created, message->mutable_created());
  message->set_rule_ref(enforcement.rule_ref);
  message->set_rule_id(Text(enforcement.rule_id));
  message->set_trigger_ref(enforcement.trigger_ref);
  message->set_event_id(Text(enforcement.event_id));
  message->set_status(static_cast<v1::EnforcementStatus>(static_cast<int>(enforcement.status) + 1));
  if (enforcement.resolved_at) ToProto(*enforcement.resolved_at, message->mutable_resolved_at());
  message->set_condition(enforcement.condition);
  message->set_payload(enforcement.payload);
  message->set_correlation_id(Text(enforcement.correlation_id));
}

void ToProto(const domain::Execution& execution, v1::Execution* message) {
  message->set_id(execution.id.ToString());
  ToProto(execution.created, message->mutable_created());
  ToProto(execution.updated, message->mutable_updated());
  message->set_action_ref(execution.action_ref);
  message->set_action_id(Text(execution.action_id));
  message->set_enforcement_id(Text(execution.enforcement_id));
  message->set_parent_id(Text(execution.parent_id));
  message->set_worker_id(Text(execution.worker_id));
  message->set_status(static_cast<v1::ExecutionStatus>(static_cast<int>(execution.status) + 1));
  message->set_parameters(execution.parameters);
  message->set_result(execution.result.value_or(""));
  if (execution.started_at) ToProto(*execution.started_at, message->mutable_started_at());
  if (execution.finished_at) ToProto(*execution.finished_at, message->mutable_finished_at());
  message->set_correlation_id(Text(execution.correlation_id));
}

void ToProto(const domain::Worker& worker, v1::Worker* message) {
  message->set_id(worker.id.ToString());
  message->set_name(worker.name);
  message->set_host(worker.host);
  message->set_worker_type(worker.worker_type);
  message->set_status(ToProto(worker.status));
  message->set_capabilities(worker.capabilities);
  ToProto(worker.last_heartbeat, message->mutable_last_heartbeat());
  ToProto(worker.created, message->mutable_created());
  ToProto(worker.updated, message->mutable_updated());
}

void ToProto(const domain::HistoryEntry& entry, v1::HistoryEntry* message) {
  ToProto(entry.time, message->mutable_time());
  message->set_operation(entry.operation);
  message->set_entity_id(entry.entity_id);
  message->set_entity_ref(entry.entity_ref);
  for (const auto& field : entry.changed_fields) message->add_changed_fields(field);
  message->set_old_values(entry.old_values);
  message->set_new_values(entry.new_values);
}

void ToProto(const domain::RecordChange& change, v1::RecordChange* message) {
  message->set_kind(static_cast<v1::RecordKind>(static_cast<int>(change.kind) + 1));
  message->set_id(change.id);
  message->set_ref(change.ref);
  message->set_status(change.status);
  message->set_previous_status(change.previous_status);
  ToProto(change.time, message->mutable_time());
}

void ToProto(const storage::TimelineItem& item, v1::TimelineItem* message) {
  struct Into {
    v1::TimelineItem* message;
    void operator()(const domain::RecordedEvent& event) const { ToProto(event, message->mutable_event()); }
    void operator()(const domain::TriggerEvent& event) const { ToProto(event, message->mutable_trigger_event()); }
    void operator()(const domain::Enforcement& record) const { ToProto(record, message->mutable_enforcement()); }
    void operator()(const domain::Execution& record) const { ToProto(record, message->mutable_execution()); }
  };
  std::visit(Into{message}, item);
}

v1::WorkerStatus ToProto(domain::WorkerStatus status) {
  return static_cast<v1::WorkerStatus>(static_cast<int>(status) + 1);
}

}  // namespace eventstore::service
