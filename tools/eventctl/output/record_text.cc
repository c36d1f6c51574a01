#include "tools/eventctl/output/record_text.h"

#include <algorithm>

#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

// "EXECUTION_STATUS_RUNNING" -> "running".
std::string Lower(const std::string& name, std::size_t prefix) {
  std::string lower = name.substr(std::min(prefix, name.size()));
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string NameOf(v1::EnforcementStatus status) {
  return Lower(v1::EnforcementStatus_Name(status), sizeof("ENFORCEMENT_STATUS_") - 1);
}
std::string NameOf(v1::ExecutionStatus status) {
  return Lower(v1::ExecutionStatus_Name(status), sizeof("EXECUTION_STATUS_") - 1);
}
std::string NameOf(v1::WorkerStatus status) {
  return Lower(v1::WorkerStatus_Name(status), sizeof("WORKER_STATUS_") - 1);
}

std::string TimeOrNothing(bool given, const google::protobuf::Timestamp& time) {
  return given ? FormatTime(time) : std::string();
}

std::string ObjectOrNull(const std::string& json) { return json.empty() ? "null" : json; }

}  // namespace

RecordLine LineOf(const v1::TriggerEvent& event) {
  return {event.created(),
          event.id(),
          event.trigger_ref(),
          "-",
          event.payload(),
          JsonObject()
              .Add("kind", "event")
              .Add("id", event.id())
              .Add("created", FormatTime(event.created()))
              .Add("trigger_ref", event.trigger_ref())
              .AddOrNull("trigger_id", event.trigger_id())
              .Add("source", event.source())
              .AddOrNull("rule_ref", event.rule_ref())
              .AddRaw("payload", event.payload())
              .AddOrNull("correlation_id", event.correlation_id())
              .Text()};
}

RecordLine LineOf(const v1::Enforcement& enforcement) {
  return {enforcement.created(),
          enforcement.id(),
          enforcement.rule_ref(),
          NameOf(enforcement.status()),
          enforcement.payload(),
          JsonObject()
              .Add("kind", "enforcement")
              .Add("id", enforcement.id())
              .Add("created", FormatTime(enforcement.created()))
              .Add("rule_ref", enforcement.rule_ref())
              .AddOrNull("rule_id", enforcement.rule_id())
              .Add("trigger_ref", enforcement.trigger_ref())
              .AddOrNull("event_id", enforcement.event_id())
              .Add("status", NameOf(enforcement.status()))
              .AddOrNull("resolved_at", TimeOrNothing(enforcement.has_resolved_at(), enforcement.resolved_at()))
              .AddRaw("condition", enforcement.condition())
              .AddRaw("payload", enforcement.payload())
              .AddOrNull("correlation_id", enforcement.correlation_id())
              .Text()};
}

RecordLine LineOf(const v1::Execution& execution) {
  return {execution.created(),
          execution.id(),
          execution.action_ref(),
          NameOf(execution.status()),
          execution.result().empty() ? execution.parameters() : execution.result(),
          JsonObject()
              .Add("kind", "execution")
              .Add("id", execution.id())
              .Add("created", FormatTime(execution.created()))
              .Add("updated", FormatTime(execution.updated()))
              .Add("action_ref", execution.action_ref())
              .AddOrNull("action_id", execution.action_id())
              .AddOrNull("enforcement_id", execution.enforcement_id())
              .AddOrNull("parent_id", execution.parent_id())
              .AddOrNull("worker_id", execution.worker_id())
              .Add("status", NameOf(execution.status()))
              .AddRaw("parameters", execution.parameters())
              .AddRaw("result", ObjectOrNull(execution.result()))
              .AddOrNull("started_at", TimeOrNothing(execution.has_started_at(), execution.started_at()))
              .AddOrNull("finished_at", TimeOrNothing(execution.has_finished_at(), execution.finished_at()))
              .AddOrNull("correlation_id", execution.correlation_id())
              .Text()};
}

RecordLine LineOf(const v1::Worker& worker) {
  return {worker.created(),
          worker.id(),
          worker.name(),
          NameOf(worker.status()),
          "last heartbeat " + FormatTimeShort(worker.last_heartbeat()) +
              (worker.host().empty() ? "" : ", on " + worker.host()),
          JsonObject()
              .Add("kind", "worker")
              .Add("id", worker.id())
              .Add("name", worker.name())
              .Add("host", worker.host())
              .Add("worker_type", worker.worker_type())
              .Add("status", NameOf(worker.status()))
              .AddRaw("capabilities", worker.capabilities())
              .Add("last_heartbeat", FormatTime(worker.last_heartbeat()))
              .Add("created", FormatTime(worker.created()))
              .Add("updated", FormatTime(worker.updated()))
              .Text()};
}

std::string HistoryJson(const v1::HistoryEntry& entry) {
  return JsonObject()
      .Add("time", FormatTime(entry.time()))
      .Add("operation", entry.operation())
      .Add("entity_id", entry.entity_id())
      .AddOrNull("entity_ref", entry.entity_ref())
      .AddRaw("changed_fields", JsonArray(entry.changed_fields(), [](const auto& field) { return JsonString(field); }))
      .AddRaw("old_values", ObjectOrNull(entry.old_values()))
      .AddRaw("new_values", ObjectOrNull(entry.new_values()))
      .Text();
}

std::string KindName(v1::RecordKind kind) { return Lower(v1::RecordKind_Name(kind), sizeof("RECORD_KIND_") - 1); }

std::string ChangeJson(const v1::RecordChange& change) {
  return JsonObject()
      .Add("time", FormatTime(change.time()))
      .Add("kind", KindName(change.kind()))
      .Add("id", change.id())
      .Add("ref", change.ref())
      .AddOrNull("status", change.status())
      .AddOrNull("previous_status", change.previous_status())
      .Text();
}

RecordPrinter::RecordPrinter(Context& context)
    : context_(context),
      table_(context.out, context.out_terminal,
             {{.heading = "CREATED (UTC)"},
              {.heading = "ID"},
              {.heading = "REF", .max_width = 40},
              {.heading = "STATUS"},
              {.heading = "DETAILS"}}) {}

void RecordPrinter::Print(const RecordLine& line) {
  if (context_.json) {
    context_.out << line.json << '\n';
    return;
  }
  table_.Row({FormatTimeShort(line.created), line.id, Printable(line.ref), line.status, Printable(line.details)});
}

}  // namespace eventstore::eventctl
