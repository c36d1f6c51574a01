#include "server/service/housekeeper_service.h"

#include <utility>
#include <vector>

#include "server/domain/error.h"
#include "server/service/call_deadline.h"
#include "server/service/run_task_stream.h"
#include "server/service/translate.h"
#include "server/service/translate_housekeeper.h"
#include "server/storage/audit_log.h"
#include "server/storage/housekeeper_store.h"

namespace eventstore::service {
namespace {

using storage::Session;

}  // namespace

void HousekeeperService::Describe(const storage::TaskState& state, domain::TimeMicros now, v1::Task* message) const {
  message->set_name(state.plan.name);
  if (const auto known = parts_.tasks.find(state.plan.name); known != parts_.tasks.end()) {
    message->set_description(known->second);
  }
  message->set_schedule(state.plan.schedule);
  message->set_enabled(state.plan.enabled);
  message->set_time_limit_seconds(static_cast<std::int32_t>(state.plan.time_limit.count()));
  message->set_changed_by(state.plan.changed_by);
  ToProto(state.plan.changed_at, message->mutable_changed_at());
  if (const auto next = housekeeping::NextRunOf(state, parts_.options.retry, now, false, false)) {
    ToProto(next->at, message->mutable_next_run_at());
  }
  if (state.last) ToProto(*state.last, message->mutable_last_run());
  if (state.last_success) ToProto(*state.last_success, message->mutable_last_success_at());
  message->set_failures(state.failures);
  message->set_overdue(housekeeping::Overdue(state, parts_.options.overdue_grace, now));
}

HousekeeperService::Unary* HousekeeperService::ListTasks(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListTasksResponse;
  return AskPool<v1::ListTasksRequest, Response>(
      pool(), Rpc::kListTasks, context, request, response, [](const auto&) { return absl::StatusOr<bool>(true); },
      [this](Session& session, bool) -> absl::StatusOr<Response> {
        std::vector<std::string> names;
        for (const auto& [name, description] : parts_.tasks) names.push_back(name);
        auto now = storage::DatabaseNow(session);
        if (!now.ok()) return now.status();
        auto states = storage::ReadTaskStates(session, names);
        if (!states.ok()) return states.status();
        Response answer;
        for (const auto& state : *states) Describe(state, *now, answer.add_tasks());
        return answer;
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* HousekeeperService::RunTask(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kRunTask, *context);
  v1::RunTaskRequest message;
  const absl::Status parsed = parser_.Parse(admission, *request, &message);
  auto run = parsed.ok() ? FromProto(message) : absl::StatusOr<domain::RunRequest>(parsed);
  if (run.ok()) {
    if (absl::Status allowed = admission.Check(domain::access::CheckRun, *run); !allowed.ok()) run = allowed;
  }
  const auto stream = RunTaskStream::Begin(parts_.calls, admission, *context, parts_.clock);
  auto* const reactor = stream.get();
  if (!run.ok()) {
    parts_.calls.audit.Refused(parts_.readers, admission, run.status());
    stream->End(run.status());
    return reactor;
  }
  const auto record = parts_.calls.audit.Of(admission, message);
  const auto ended = [this, record](const absl::StatusOr<domain::TaskRun>& result) {
    const auto outcome =
        result.ok() ? domain::NameOf(result->status) : domain::ReasonName(domain::FromStatus(result.status()).reason);
    parts_.calls.audit.EndLater(parts_.readers, record, std::string(outcome));
  };
  storage::ReadTask task;
  task.deadline = DeadlineOf(*context, parts_.clock, parts_.deadline);
  task.run = [this, stream, record, ended, wanted = *run](absl::StatusOr<Session*> session) {
    if (!session.ok()) return stream->End(session.status());
    if (absl::Status noted = AuditTrail::Begin(**session, record); !noted.ok()) return stream->End(noted);
    stream->Ask(parts_.housekeeper, wanted, ended);
  };
  if (!parts_.readers.Submit(task)) stream->End(ReadQueueFull());
  return reactor;
}

HousekeeperService::Unary* HousekeeperService::ListRuns(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListRunsResponse;
  return AskPool<v1::ListRunsRequest, Response>(
      pool(), Rpc::kListRuns, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RunList& list) -> absl::StatusOr<Response> {
        auto runs = storage::ListRuns(session, list);
        if (!runs.ok()) return runs.status();
        Response answer;
        if (runs->size() > static_cast<std::size_t>(list.page_size)) {
          runs->pop_back();
          answer.set_next_page_token(std::to_string(runs->back().id));
        }
        for (const auto& run : *runs) ToProto(run, answer.add_runs());
        return answer;
      });
}

absl::StatusOr<v1::GetPartitionStatusResponse> HousekeeperService::PartitionStatus(Session& session, int newest) const {
  auto now = storage::DatabaseNow(session);
  if (!now.ok()) return now.status();
  auto partitions = parts_.partitions.List(session);
  if (!partitions.ok()) return partitions.status();
  auto summary = housekeeping::Summarise(*partitions, parts_.partitions.made_ahead(), *now);
  auto states = storage::ReadTaskStates(session, {housekeeping::kMaintenance});
  if (!states.ok()) return states.status();
  for (const auto& state : *states) {
    housekeeping::AddUpkeep(summary, state.failures, housekeeping::Overdue(state, parts_.options.overdue_grace, *now));
  }
  v1::GetPartitionStatusResponse answer;
  ToProto(summary, &answer);
  answer.set_engine(parts_.engine);
  for (auto partition = partitions->rbegin(); partition != partitions->rend(); ++partition) {
    if (partition->range.from > *now) continue;
    if (answer.newest_partitions_size() == newest) break;
    ToProto(*partition, answer.add_newest_partitions());
  }
  return answer;
}

HousekeeperService::Unary* HousekeeperService::GetPartitionStatus(Context* context, const Bytes* request,
                                                                  Bytes* response) {
  using Response = v1::GetPartitionStatusResponse;
  return AskPool<v1::GetPartitionStatusRequest, Response>(
      pool(), Rpc::kGetPartitionStatus, context, request, response,
      [](const auto& message) { return FromProto(message); },
      [this](Session& session, int newest) { return PartitionStatus(session, newest); });
}

absl::StatusOr<v1::UpdateScheduleResponse> HousekeeperService::Update(Session& session,
                                                                      const domain::PlanUpdate& update) const {
  if (absl::Status updated = storage::UpdateTaskPlan(session, update); !updated.ok()) return updated;
  if (parts_.housekeeper != nullptr) parts_.housekeeper->Nudge();
  auto now = storage::DatabaseNow(session);
  if (!now.ok()) return now.status();
  auto states = storage::ReadTaskStates(session, {update.task});
  if (!states.ok()) return states.status();
  if (states->empty()) return storage::TaskNotFound(update.task);
  v1::UpdateScheduleResponse answer;
  Describe(states->front(), *now, answer.mutable_task());
  return answer;
}

HousekeeperService::Unary* HousekeeperService::UpdateSchedule(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::UpdateScheduleResponse;
  return AskPool<v1::UpdateScheduleRequest, Response>(
      pool(), Rpc::kUpdateSchedule, context, request, response, [](const auto& message) { return FromProto(message); },
      [this](Session& session, const domain::PlanUpdate& update) { return Update(session, update); });
}

HousekeeperService::Unary* HousekeeperService::ListAuditLog(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListAuditLogResponse;
  return AskPool<v1::ListAuditLogRequest, Response>(
      pool(), Rpc::kListAuditLog, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::AuditQuery& query) -> absl::StatusOr<Response> {
        auto records = storage::ListAudit(session, query);
        if (!records.ok()) return records.status();
        Response answer;
        if (records->size() > static_cast<std::size_t>(query.page_size)) {
          records->pop_back();
          answer.set_next_page_token(std::to_string(records->back().id));
        }
        for (const auto& record : *records) ToProto(record, answer.add_records());
        return answer;
      });
}

}  // namespace eventstore::service
