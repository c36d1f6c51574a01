// eventctl ops move, resolve, worker.
#include <memory>
#include <string>

#include "tools/eventctl/commands/operations/operations.h"
#include "tools/eventctl/commands/operations/operations_call.h"
#include "tools/eventctl/output/record_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

using Stub = OperationsCalls::Stub;

struct MoveFlags {
  std::string id;
  std::string from;
  std::string to;
  std::string worker;
  std::string result;
};

struct ResolveFlags {
  std::string id;
  std::string status;
};

struct WorkerFlags {
  std::string id;
  std::string name;
  std::string host;
  std::string type;
  std::string capabilities;
  bool forget = false;
};

void Print(Context& context, const RecordLine& line) {
  RecordPrinter printer(context);
  printer.Print(line);
  printer.Flush();
}

const std::vector<std::string>& Statuses() {
  static const std::vector<std::string> names{"requested", "scheduled", "running",   "cancelling", "completed",
                                              "failed",    "timeout",   "cancelled", "abandoned"};
  return names;
}

v1::ExecutionStatus StatusOf(const std::string& name) {
  return StatusNamed<v1::ExecutionStatus>(v1::ExecutionStatus_descriptor(), "EXECUTION_STATUS_", name);
}

ExitCode RunMove(const MoveFlags& flags, Context& context) {
  v1::MoveExecutionRequest request;
  request.set_id(flags.id);
  request.set_expected_status(StatusOf(flags.from));
  request.set_status(StatusOf(flags.to));
  request.set_worker_id(flags.worker);
  request.set_result(flags.result);
  const auto answer = OperationsCalls(context).Call(&Stub::MoveExecution, request);
  if (!answer.ok()) return ReportError(context, "move execution " + flags.id, answer.status());
  Print(context, LineOf(answer->execution()));
  return kOk;
}

ExitCode RunResolve(const ResolveFlags& flags, Context& context) {
  v1::ResolveEnforcementRequest request;
  request.set_id(flags.id);
  request.set_status(flags.status == "processed" ? v1::ENFORCEMENT_STATUS_PROCESSED : v1::ENFORCEMENT_STATUS_DISABLED);
  const auto answer = OperationsCalls(context).Call(&Stub::ResolveEnforcement, request);
  if (!answer.ok()) return ReportError(context, "resolve enforcement " + flags.id, answer.status());
  Print(context, LineOf(answer->enforcement()));
  return kOk;
}

ExitCode RunRegister(const WorkerFlags& flags, Context& context) {
  v1::RegisterWorkerRequest request;
  request.set_id(flags.id);
  request.set_name(flags.name);
  request.set_host(flags.host);
  request.set_worker_type(flags.type);
  request.set_capabilities(flags.capabilities);
  const auto answer = OperationsCalls(context).Call(&Stub::RegisterWorker, request);
  if (!answer.ok()) return ReportError(context, "register worker " + flags.name, answer.status());
  Print(context, LineOf(answer->worker()));
  return kOk;
}

ExitCode RunDrain(const WorkerFlags& flags, Context& context) {
  v1::DrainWorkerRequest request;
  request.set_id(flags.id);
  const auto answer = OperationsCalls(context).Call(&Stub::DrainWorker, request);
  if (!answer.ok()) return ReportError(context, "drain worker " + flags.id, answer.status());
  Print(context, LineOf(answer->worker()));
  return kOk;
}

ExitCode RunHeartbeat(const WorkerFlags& flags, Context& context) {
  v1::HeartbeatWorkerRequest request;
  request.set_id(flags.id);
  const auto answer = OperationsCalls(context).Call(&Stub::HeartbeatWorker, request);
  return answer.ok() ? kOk : ReportError(context, "heartbeat of worker " + flags.id, answer.status());
}

ExitCode RunDeregister(const WorkerFlags& flags, Context& context) {
  v1::DeregisterWorkerRequest request;
  request.set_id(flags.id);
  request.set_forget(flags.forget);
  const auto answer = OperationsCalls(context).Call(&Stub::DeregisterWorker, request);
  return answer.ok() ? kOk : ReportError(context, "deregister worker " + flags.id, answer.status());
}

}  // namespace

void AddOpsMove(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<MoveFlags>();
  CLI::App* command = ops.add_subcommand("move", "Move an execution from the status it has to another");
  AddUuid(*command, "ID", flags->id, "The execution")->required();
  AddFlag(*command, "--from", flags->from, "STATUS", "That it has; with another, nothing is done")
      ->required()
      ->check(CLI::IsMember(Statuses()));
  AddFlag(*command, "--to", flags->to, "STATUS", "That it is to have")->required()->check(CLI::IsMember(Statuses()));
  AddUuid(*command, "--worker", flags->worker, "Who runs it");
  AddFlag(*command, "--result", flags->result, "JSON", "What came of it: a JSON object");
  AddFooter(*command,
            "Exit code 4: it has another status. An illegal move names the legal ones.\n\n"
            "Examples:\n"
            "  eventctl ops move 01890a5d-ac96-774b-bcce-b302099a8057 --from scheduled --to running\n"
            "  eventctl ops move 01890a5d-ac96-774b-bcce-b302099a8057 --from running --to completed --result '{}'");
  command->callback([flags, &context] { context.exit_code = RunMove(*flags, context); });
}

void AddOpsResolve(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<ResolveFlags>();
  CLI::App* command = ops.add_subcommand("resolve", "Resolve an enforcement, once");
  AddUuid(*command, "ID", flags->id, "The enforcement")->required();
  AddFlag(*command, "STATUS", flags->status, "STATUS", "processed or disabled")
      ->required()
      ->check(CLI::IsMember({"processed", "disabled"}));
  AddFooter(*command, "Examples:\n  eventctl ops resolve 01890a5d-ac96-774b-bcce-b302099a8057 processed");
  command->callback([flags, &context] { context.exit_code = RunResolve(*flags, context); });
}

void AddOpsWorker(CLI::App& ops, Context& context) {
  CLI::App* worker = ops.add_subcommand("worker", "Register a worker, drain it, take it out");
  worker->require_subcommand(1);
  auto flags = std::make_shared<WorkerFlags>();

  CLI::App* add = worker->add_subcommand("register", "Register one, or again, by its name");
  AddFlag(*add, "NAME", flags->name, "NAME", "Its name")->required();
  AddUuid(*add, "--id", flags->id, "Its id; else that of the name, or a new one");
  AddFlag(*add, "--host", flags->host, "HOST", "Where it runs");
  AddFlag(*add, "--type", flags->type, "TYPE", "What kind of worker it is");
  AddFlag(*add, "--capabilities", flags->capabilities, "JSON", "What it can do: a JSON object");
  AddFooter(*add, "Examples:\n  eventctl ops worker register worker-1 --type python --host $(hostname)");
  add->callback([flags, &context] { context.exit_code = RunRegister(*flags, context); });

  const auto by_id = [&](const char* name, const char* help, ExitCode (*run)(const WorkerFlags&, Context&)) {
    CLI::App* command = worker->add_subcommand(name, help);
    AddUuid(*command, "ID", flags->id, "The worker")->required();
    AddFooter(*command,
              std::string("Examples:\n  eventctl ops worker ") + name + " 01890a5d-ac96-774b-bcce-b302099a8057");
    command->callback([flags, run, &context] { context.exit_code = run(*flags, context); });
    return command;
  };
  by_id("heartbeat", "Say that it lives", RunHeartbeat);
  by_id("drain", "Let it finish what it has and give it nothing new", RunDrain);
  by_id("deregister", "It is gone", RunDeregister)
      ->add_flag("--forget", flags->forget, "Remove its row; its history stays");
  AddFooter(*worker,
            "Examples:\n"
            "  eventctl ops worker register worker-1 --type python\n"
            "  eventctl ops worker COMMAND --help");
}

}  // namespace eventstore::eventctl
