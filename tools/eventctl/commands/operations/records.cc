// eventctl ops record, get, list.
#include <memory>
#include <string>
#include <utility>

#include "tools/eventctl/commands/operations/operations.h"
#include "tools/eventctl/commands/operations/operations_call.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/record_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

using Stub = OperationsCalls::Stub;

struct RecordFlags {
  std::string kind;
  std::string ref;
  std::string id;
  std::string data;
  std::string trigger;
  std::string cause;
  std::string parent;
  std::string source;
  std::string rule;
  std::string correlation;
};

struct FindFlags {
  std::string kind;
  std::string id;
};

struct ListFlags {
  std::string kind;
  std::string ref;
  std::string status;
  std::string correlation;
  std::string from;
  std::string to;
  int max = 100;
};

template <typename Record>
ExitCode PrintOne(Context& context, const std::string& doing, const absl::StatusOr<Record>& record) {
  if (!record.ok()) return ReportError(context, doing, record.status());
  RecordPrinter printer(context);
  printer.Print(LineOf(*record));
  printer.Flush();
  return kOk;
}

template <typename Response, typename Get>
auto Only(const absl::StatusOr<Response>& answer, Get get) -> absl::StatusOr<std::decay_t<decltype(get(*answer))>> {
  if (!answer.ok()) return answer.status();
  return get(*answer);
}

ExitCode RunRecord(const RecordFlags& flags, Context& context) {
  const OperationsCalls calls(context);
  const std::string doing = "record the " + flags.kind;
  if (flags.kind == "event") {
    v1::RecordEventRequest request;
    request.set_id(flags.id);
    request.set_trigger_ref(flags.ref);
    request.set_source(flags.source);
    request.set_rule_ref(flags.rule);
    request.set_payload(flags.data);
    request.set_correlation_id(flags.correlation);
    return PrintOne(context, doing,
                    Only(calls.Call(&Stub::RecordEvent, request), [](const auto& answer) { return answer.event(); }));
  }
  if (flags.kind == "enforcement") {
    v1::CreateEnforcementRequest request;
    request.set_id(flags.id);
    request.set_rule_ref(flags.ref);
    request.set_trigger_ref(flags.trigger);
    request.set_event_id(flags.cause);
    request.set_payload(flags.data);
    request.set_correlation_id(flags.correlation);
    return PrintOne(context, doing, Only(calls.Call(&Stub::CreateEnforcement, request), [](const auto& answer) {
                      return answer.enforcement();
                    }));
  }
  v1::CreateExecutionRequest request;
  request.set_id(flags.id);
  request.set_action_ref(flags.ref);
  request.set_enforcement_id(flags.cause);
  request.set_parent_id(flags.parent);
  request.set_parameters(flags.data);
  request.set_correlation_id(flags.correlation);
  return PrintOne(context, doing, Only(calls.Call(&Stub::CreateExecution, request), [](const auto& answer) {
                    return answer.execution();
                  }));
}

ExitCode RunGet(const FindFlags& flags, Context& context) {
  const OperationsCalls calls(context);
  const std::string doing = "read " + flags.kind + " " + flags.id;
  if (flags.kind == "event") {
    v1::GetEventRequest request;
    request.set_id(flags.id);
    return PrintOne(context, doing,
                    Only(calls.Call(&Stub::GetEvent, request), [](const auto& answer) { return answer.event(); }));
  }
  if (flags.kind == "enforcement") {
    v1::GetEnforcementRequest request;
    request.set_id(flags.id);
    return PrintOne(context, doing, Only(calls.Call(&Stub::GetEnforcement, request), [](const auto& answer) {
                      return answer.enforcement();
                    }));
  }
  if (flags.kind == "worker") {
    v1::GetWorkerRequest request;
    IsUuid(flags.id) ? request.set_id(flags.id) : request.set_name(flags.id);
    return PrintOne(context, doing,
                    Only(calls.Call(&Stub::GetWorker, request), [](const auto& answer) { return answer.worker(); }));
  }
  v1::GetExecutionRequest request;
  request.set_id(flags.id);
  return PrintOne(context, doing, Only(calls.Call(&Stub::GetExecution, request), [](const auto& answer) {
                    return answer.execution();
                  }));
}

// Pages until there is no more, or `max`.
template <typename Request, typename Response, typename Records>
ExitCode PrintList(Context& context, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                   Request request, int max, Records records) {
  const OperationsCalls calls(context);
  RecordPrinter printer(context);
  for (int left = max; left > 0;) {
    request.set_page_size(std::min(left, 1'000));
    const auto page = calls.Call(method, request);
    if (!page.ok()) return ReportError(context, "list the records", page.status());
    for (const auto& record : records(*page)) printer.Print(LineOf(record));
    left -= request.page_size();
    request.set_page_token(page->next_page_token());
    if (page->next_page_token().empty()) break;
    if (left <= 0) Hint(context, "there are more; --max shows them, or --from and --to choose");
  }
  printer.Flush();
  return kOk;
}

template <typename Request>
void SetCommon(const ListFlags& flags, Request& request) {
  request.set_correlation_id(flags.correlation);
  if (const auto from = ParseTimeFlag(flags.from)) *request.mutable_from_time() = *from;
  if (const auto to = ParseTimeFlag(flags.to)) *request.mutable_to_time() = *to;
}

ExitCode UnknownStatus(Context& context, const ListFlags& flags) {
  return ReportUsage(context, flags.status + " is no status of " + flags.kind);
}

ExitCode RunList(const ListFlags& flags, Context& context) {
  const bool any = flags.status.empty();
  if (flags.kind == "events") {
    v1::ListEventsRequest request;
    if (!any) return UnknownStatus(context, flags);
    request.set_trigger_ref(flags.ref);
    SetCommon(flags, request);
    return PrintList(context, &Stub::ListEvents, request, flags.max, [](const auto& page) { return page.events(); });
  }
  if (flags.kind == "enforcements") {
    v1::ListEnforcementsRequest request;
    request.set_rule_ref(flags.ref);
    request.set_status(
        StatusNamed<v1::EnforcementStatus>(v1::EnforcementStatus_descriptor(), "ENFORCEMENT_STATUS_", flags.status));
    if (!any && request.status() == 0) return UnknownStatus(context, flags);
    SetCommon(flags, request);
    return PrintList(context, &Stub::ListEnforcements, request, flags.max,
                     [](const auto& page) { return page.enforcements(); });
  }
  if (flags.kind == "workers") {
    v1::ListWorkersRequest request;
    request.set_worker_type(flags.ref);
    request.set_status(StatusNamed<v1::WorkerStatus>(v1::WorkerStatus_descriptor(), "WORKER_STATUS_", flags.status));
    if (!any && request.status() == 0) return UnknownStatus(context, flags);
    return PrintList(context, &Stub::ListWorkers, request, flags.max, [](const auto& page) { return page.workers(); });
  }
  v1::ListExecutionsRequest request;
  request.set_action_ref(flags.ref);
  request.set_status(
      StatusNamed<v1::ExecutionStatus>(v1::ExecutionStatus_descriptor(), "EXECUTION_STATUS_", flags.status));
  if (!any && request.status() == 0) return UnknownStatus(context, flags);
  SetCommon(flags, request);
  return PrintList(context, &Stub::ListExecutions, request, flags.max,
                   [](const auto& page) { return page.executions(); });
}

}  // namespace

void AddOpsRecord(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<RecordFlags>();
  CLI::App* command = ops.add_subcommand("record", "Record an event of a trigger, an enforcement or an execution");
  AddFlag(*command, "KIND", flags->kind, "KIND", "event, enforcement or execution")
      ->required()
      ->check(CLI::IsMember({"event", "enforcement", "execution"}));
  AddFlag(*command, "REF", flags->ref, "REF", "The trigger, the rule, or the action")->required();
  AddUuid(*command, "--id", flags->id, "Of the record, so that it can be sent again; else the server makes one");
  AddFlag(*command, "--data", flags->data, "JSON", "Payload, or parameters: a JSON object");
  AddFlag(*command, "--trigger", flags->trigger, "REF", "Of an enforcement: the trigger");
  AddUuid(*command, "--cause", flags->cause, "Of an enforcement its event, of an execution its enforcement");
  AddUuid(*command, "--parent", flags->parent, "Of an execution: the one that it is a part of");
  AddFlag(*command, "--source", flags->source, "TEXT", "Of an event: who brought it");
  AddFlag(*command, "--rule", flags->rule, "REF", "Of an event: the rule that it is for");
  AddUuid(*command, "--correlation", flags->correlation, "The workflow that it belongs to");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl ops record event core.timer --data '{\"tick\": 1}'\n"
            "  eventctl ops record enforcement core.on_timer --trigger core.timer\n"
            "  eventctl ops record execution core.echo --data '{\"message\": \"hello\"}' --json | jq -r .id");
  command->callback([flags, &context] { context.exit_code = RunRecord(*flags, context); });
}

void AddOpsGet(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<FindFlags>();
  CLI::App* command = ops.add_subcommand("get", "One record by its id; a worker also by its name");
  AddFlag(*command, "KIND", flags->kind, "KIND", "event, enforcement, execution or worker")
      ->required()
      ->check(CLI::IsMember({"event", "enforcement", "execution", "worker"}));
  AddFlag(*command, "ID", flags->id, "ID", "Its id")->required();
  AddFooter(*command,
            "Examples:\n"
            "  eventctl ops get execution 01890a5d-ac96-774b-bcce-b302099a8057 --json | jq .result\n"
            "  eventctl ops get worker worker-1");
  command->callback([flags, &context] { context.exit_code = RunGet(*flags, context); });
}

void AddOpsList(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = ops.add_subcommand("list", "Records, newest first; workers by name");
  AddFlag(*command, "KIND", flags->kind, "KIND", "events, enforcements, executions or workers")
      ->required()
      ->check(CLI::IsMember({"events", "enforcements", "executions", "workers"}));
  AddFlag(*command, "--ref", flags->ref, "REF", "Only of this trigger, rule or action; of workers: of this type");
  AddFlag(*command, "--status", flags->status, "STATUS", "Only with this status");
  AddUuid(*command, "--correlation", flags->correlation, "Only of this workflow");
  AddTime(*command, "--from", flags->from, "Only those made at or after this time");
  AddTime(*command, "--to", flags->to, "Only those made before this time");
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "At most so many" + Default(flags->max));
  AddFooter(*command, std::string(kTimeHelp) +
                          "\n\n"
                          "Examples:\n"
                          "  eventctl ops list executions --status running\n"
                          "  eventctl ops list events --ref core.timer --from 2h\n"
                          "  eventctl ops list workers --json | jq -r .name");
  command->callback([flags, &context] { context.exit_code = RunList(*flags, context); });
}

}  // namespace eventstore::eventctl
