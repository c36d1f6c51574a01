#include "server/service/operations/operations_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/service/operations/translate_operations.h"
#include "server/service/translate.h"
#include "server/storage/operations/history_reader.h"
#include "server/storage/operations/record_store.h"
#include "server/storage/operations/worker_store.h"

namespace eventstore::service {
namespace {

using storage::Session;
using Unary = OperationsService::Unary;

// A record as the field of an answer.
template <typename Response, typename Record, typename Field>
absl::StatusOr<Response> Answer(const absl::StatusOr<Record>& record, Field field) {
  if (!record.ok()) return record.status();
  Response response;
  ToProto(*record, (response.*field)());
  return response;
}

// One more than a page has says that there is another page.
template <typename Response, typename Record, typename Add, typename Token>
absl::StatusOr<Response> AnswerPage(absl::StatusOr<std::vector<Record>> records, int page_size, Add add, Token token) {
  if (!records.ok()) return records.status();
  Response response;
  if (records->size() > static_cast<std::size_t>(page_size)) {
    records->resize(static_cast<std::size_t>(page_size));
    response.set_next_page_token(token(records->back()));
  }
  for (const Record& record : *records) ToProto(record, (response.*add)());
  return response;
}

template <typename Record>
std::string PlaceOf(const Record& record) {
  return domain::TokenOf(domain::RecordPlace{record.created, record.id.ToString()});
}

}  // namespace

template <typename Request, typename Response, typename Parse, typename Run>
Unary* OperationsService::Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Parse parse, Run run) {
  return AskPool<Request, Response>({parts_.calls, parts_.pool, parts_.clock, parts_.deadline, parser_}, rpc, context,
                                    request, response, std::move(parse), std::move(run));
}

template <typename Request, typename Response, typename Parse, typename Run>
Unary* OperationsService::Change(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Parse parse,
                                 Run run) {
  return Ask<Request, Response>(rpc, context, request, response, std::move(parse),
                                [this, run](Session& session, const auto& query) -> absl::StatusOr<Response> {
                                  auto answer = run(session, query);
                                  if (answer.ok()) parts_.tail.Nudge();
                                  return answer;
                                });
}

Unary* OperationsService::RecordEvent(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::RecordEventResponse;
  return Change<v1::RecordEventRequest, Response>(
      Rpc::kRecordEvent, context, request, response,
      [this](const auto& message) { return FromProto(message, parts_.ids); },
      [](Session& session, const domain::NewTriggerEvent& event) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::RecordEvent(session, event), &Response::mutable_event);
      });
}

Unary* OperationsService::CreateEnforcement(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::CreateEnforcementResponse;
  return Change<v1::CreateEnforcementRequest, Response>(
      Rpc::kCreateEnforcement, context, request, response,
      [this](const auto& message) { return FromProto(message, parts_.ids); },
      [](Session& session, const domain::NewEnforcement& enforcement) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::CreateEnforcement(session, enforcement), &Response::mutable_enforcement);
      });
}

Unary* OperationsService::ResolveEnforcement(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ResolveEnforcementResponse;
  return Change<v1::ResolveEnforcementRequest, Response>(
      Rpc::kResolveEnforcement, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::Resolution& resolution) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::ResolveEnforcement(session, resolution), &Response::mutable_enforcement);
      });
}

Unary* OperationsService::CreateExecution(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::CreateExecutionResponse;
  return Change<v1::CreateExecutionRequest, Response>(
      Rpc::kCreateExecution, context, request, response,
      [this](const auto& message) { return FromProto(message, parts_.ids); },
      [](Session& session, const domain::NewExecution& execution) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::CreateExecution(session, execution), &Response::mutable_execution);
      });
}

Unary* OperationsService::MoveExecution(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::MoveExecutionResponse;
  return Change<v1::MoveExecutionRequest, Response>(
      Rpc::kMoveExecution, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::Move& move) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::MoveExecution(session, move), &Response::mutable_execution);
      });
}

Unary* OperationsService::RegisterWorker(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::RegisterWorkerResponse;
  return Change<v1::RegisterWorkerRequest, Response>(
      Rpc::kRegisterWorker, context, request, response,
      [this](const auto& message) { return FromProto(message, parts_.ids); },
      [](Session& session, const domain::NewWorker& worker) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::RegisterWorker(session, worker), &Response::mutable_worker);
      });
}

Unary* OperationsService::HeartbeatWorker(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::HeartbeatWorkerResponse;
  return Change<v1::HeartbeatWorkerRequest, Response>(
      Rpc::kHeartbeatWorker, context, request, response, [](const auto& message) { return WorkerId(message.id()); },
      [](Session& session, const domain::Uuid& id) -> absl::StatusOr<Response> {
        auto beat = storage::HeartbeatWorker(session, id);
        if (!beat.ok()) return beat.status();
        Response answer;
        answer.set_status(ToProto(beat->status));
        ToProto(beat->at, answer.mutable_last_heartbeat());
        return answer;
      });
}

Unary* OperationsService::DrainWorker(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::DrainWorkerResponse;
  return Change<v1::DrainWorkerRequest, Response>(
      Rpc::kDrainWorker, context, request, response, [](const auto& message) { return WorkerId(message.id()); },
      [](Session& session, const domain::Uuid& id) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::DrainWorker(session, id), &Response::mutable_worker);
      });
}

Unary* OperationsService::DeregisterWorker(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::DeregisterWorkerResponse;
  struct Gone {
    domain::Uuid id;
    bool forget;
  };
  return Change<v1::DeregisterWorkerRequest, Response>(
      Rpc::kDeregisterWorker, context, request, response,
      [](const auto& message) -> absl::StatusOr<Gone> {
        auto id = WorkerId(message.id());
        if (!id.ok()) return id.status();
        return Gone{*id, message.forget()};
      },
      [](Session& session, const Gone& gone) -> absl::StatusOr<Response> {
        if (absl::Status done = storage::DeregisterWorker(session, gone.id, gone.forget); !done.ok()) return done;
        return Response();
      });
}

Unary* OperationsService::GetEvent(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetEventResponse;
  return Ask<v1::GetEventRequest, Response>(
      Rpc::kGetEvent, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordKey& key) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::GetEvent(session, key), &Response::mutable_event);
      });
}

Unary* OperationsService::GetEnforcement(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetEnforcementResponse;
  return Ask<v1::GetEnforcementRequest, Response>(
      Rpc::kGetEnforcement, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordKey& key) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::GetEnforcement(session, key), &Response::mutable_enforcement);
      });
}

Unary* OperationsService::GetExecution(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetExecutionResponse;
  return Ask<v1::GetExecutionRequest, Response>(
      Rpc::kGetExecution, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordKey& key) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::GetExecution(session, key), &Response::mutable_execution);
      });
}

Unary* OperationsService::GetWorker(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetWorkerResponse;
  return Ask<v1::GetWorkerRequest, Response>(
      Rpc::kGetWorker, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const WorkerKey& key) -> absl::StatusOr<Response> {
        return Answer<Response>(storage::GetWorker(session, key.id, key.name), &Response::mutable_worker);
      });
}

Unary* OperationsService::ListEvents(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListEventsResponse;
  return Ask<v1::ListEventsRequest, Response>(
      Rpc::kListEvents, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordQuery& query) -> absl::StatusOr<Response> {
        return AnswerPage<Response>(storage::ListEvents(session, query), query.page_size, &Response::add_events,
                                    PlaceOf<domain::TriggerEvent>);
      });
}

Unary* OperationsService::ListEnforcements(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListEnforcementsResponse;
  return Ask<v1::ListEnforcementsRequest, Response>(
      Rpc::kListEnforcements, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordQuery& query) -> absl::StatusOr<Response> {
        return AnswerPage<Response>(storage::ListEnforcements(session, query), query.page_size,
                                    &Response::add_enforcements, PlaceOf<domain::Enforcement>);
      });
}

Unary* OperationsService::ListExecutions(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListExecutionsResponse;
  return Ask<v1::ListExecutionsRequest, Response>(
      Rpc::kListExecutions, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::RecordQuery& query) -> absl::StatusOr<Response> {
        return AnswerPage<Response>(storage::ListExecutions(session, query), query.page_size, &Response::add_executions,
                                    PlaceOf<domain::Execution>);
      });
}

Unary* OperationsService::ListWorkers(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListWorkersResponse;
  return Ask<v1::ListWorkersRequest, Response>(
      Rpc::kListWorkers, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::WorkerQuery& query) -> absl::StatusOr<Response> {
        return AnswerPage<Response>(storage::ListWorkers(session, query), query.page_size, &Response::add_workers,
                                    [](const domain::Worker& worker) { return worker.name; });
      });
}

Unary* OperationsService::GetHistory(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::GetHistoryResponse;
  return Ask<v1::GetHistoryRequest, Response>(
      Rpc::kGetHistory, context, request, response, [](const auto& message) { return FromProto(message); },
      [](Session& session, const domain::HistoryQuery& query) -> absl::StatusOr<Response> {
        return AnswerPage<Response>(
            storage::ReadHistory(session, query), query.page_size, &Response::add_entries,
            [](const domain::HistoryEntry& entry) {
              return domain::TokenOf(domain::RecordPlace{entry.time, std::to_string(entry.position)});
            });
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* OperationsService::Watch(Context* context, const Bytes* request) {
  const Admission admission = parts_.calls.gate.Admit(Rpc::kWatch, *context);
  v1::WatchRequest message;
  const absl::Status parsed = parser_.Parse(admission, *request, &message);
  return WatchStream::Begin({parts_.calls, parts_.streams, parts_.tail, parts_.pool, parts_.clock, parts_.deadline},
                            admission, *context,
                            parsed.ok() ? FromProto(message) : absl::StatusOr<domain::WatchQuery>(parsed));
}

}  // namespace eventstore::service
