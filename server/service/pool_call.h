// A unary call that is answered on the reading pool: parsed, made a query of, run with a connection. No gRPC thread waits.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <utility>

#include "server/domain/clock.h"
#include "server/domain/error.h"
#include "server/service/call_deadline.h"
#include "server/service/request_parser.h"
#include "server/service/unary_call.h"
#include "server/storage/read_executor.h"
#include "server/storage/sql_errors.h"

namespace eventstore::service {

struct PoolCallParts {
  const CallBook& calls;
  storage::ReadExecutor& readers;
  const domain::Clock& clock;
  // What a call without a deadline gets, and the most that any gets.
  std::chrono::milliseconds deadline;
  const RequestParser& parser;
};

inline absl::Status ReadQueueFull() {
  domain::Error full;
  full.reason = domain::Reason::kQueueFull;
  full.message = "the queue of reads is full; try again later";
  full.retry_after_ms = 200;
  return domain::ToStatus(full);
}

// Parses a Request, makes a query of it by `parse`, and answers with the Response that `run` makes of that and a session.
template <typename Request, typename Response, typename Parse, typename Run>
grpc::ServerUnaryReactor* AskPool(const PoolCallParts& parts, Rpc rpc, grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request, grpc::ByteBuffer* response, Parse parse, Run run) {
  auto* call = new UnaryCall(parts.calls, rpc, *context, response);
  Request message;
  if (absl::Status parsed = parts.parser.Parse(call->admission(), *request, &message); !parsed.ok()) {
    parts.calls.audit.Refused(parts.readers, call->admission(), parsed);
    call->Fail(parsed);
    return call;
  }
  auto query = parse(message);
  if (!query.ok()) {
    call->Fail(query.status());
    return call;
  }
  storage::ReadTask task;
  task.deadline = DeadlineOf(*context, parts.clock, parts.deadline);
  task.run = [call, run, query = *std::move(query),
              record = parts.calls.audit.Of(call->admission(), message)](absl::StatusOr<storage::Session*> session) {
    if (!session.ok()) return call->Fail(session.status());
    if (absl::Status noted = AuditTrail::Begin(**session, record); !noted.ok()) return call->Fail(noted);
    const auto answer = storage::Caught([&]() -> absl::StatusOr<Response> { return run(**session, query); });
    AuditTrail::End(**session, record, answer.status());
    if (!answer.ok()) return call->Fail(answer.status());
    call->Reply(*answer);
  };
  if (!parts.readers.Submit(task)) call->Fail(ReadQueueFull());
  return call;
}

}  // namespace eventstore::service
