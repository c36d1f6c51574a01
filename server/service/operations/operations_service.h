// eventstore.v1.Operations: parses, hands over, answers. What asks the database runs on a pool of its own, so that records
// and events do not wait for each other; no method blocks a gRPC thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include "eventstore/v1/operations.grpc.pb.h"
#include "server/service/operations/watch_stream.h"
#include "server/service/pool_call.h"
#include "server/service/request_parser.h"

namespace eventstore::service {

using RawRecords =
    v1::Operations::WithRawCallbackMethod_RecordEvent<v1::Operations::WithRawCallbackMethod_CreateEnforcement<
        v1::Operations::WithRawCallbackMethod_ResolveEnforcement<v1::Operations::WithRawCallbackMethod_CreateExecution<
            v1::Operations::WithRawCallbackMethod_MoveExecution<v1::Operations::Service>>>>>;
using RawWorkers = v1::Operations::WithRawCallbackMethod_RegisterWorker<
    v1::Operations::WithRawCallbackMethod_HeartbeatWorker<v1::Operations::WithRawCallbackMethod_DrainWorker<
        v1::Operations::WithRawCallbackMethod_DeregisterWorker<RawRecords>>>>;
using RawGets = v1::Operations::WithRawCallbackMethod_GetEvent<v1::Operations::WithRawCallbackMethod_GetEnforcement<
    v1::Operations::WithRawCallbackMethod_GetExecution<v1::Operations::WithRawCallbackMethod_GetWorker<RawWorkers>>>>;
using RawOperations =
    v1::Operations::WithRawCallbackMethod_ListEvents<v1::Operations::WithRawCallbackMethod_ListEnforcements<
        v1::Operations::WithRawCallbackMethod_ListExecutions<v1::Operations::WithRawCallbackMethod_ListWorkers<
            v1::Operations::WithRawCallbackMethod_GetHistory<v1::Operations::WithRawCallbackMethod_Watch<RawGets>>>>>>;

struct OperationsParts {
  const CallBook& calls;
  OpenStreams& streams;
  // Of general sessions (storage/operations/record_store.h).
  storage::ReadExecutor& pool;
  subscriptions::ChangeTail& tail;
  const domain::Clock& clock;
  std::chrono::milliseconds deadline;
  domain::IdMaker& ids;
};

class OperationsService final : public RawOperations {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  explicit OperationsService(OperationsParts parts) : parts_(parts) {}

  Unary* RecordEvent(Context* context, const Bytes* request, Bytes* response) override;
  Unary* CreateEnforcement(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ResolveEnforcement(Context* context, const Bytes* request, Bytes* response) override;
  Unary* CreateExecution(Context* context, const Bytes* request, Bytes* response) override;
  Unary* MoveExecution(Context* context, const Bytes* request, Bytes* response) override;
  Unary* RegisterWorker(Context* context, const Bytes* request, Bytes* response) override;
  Unary* HeartbeatWorker(Context* context, const Bytes* request, Bytes* response) override;
  Unary* DrainWorker(Context* context, const Bytes* request, Bytes* response) override;
  Unary* DeregisterWorker(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetEvent(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetEnforcement(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetExecution(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetWorker(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListEvents(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListEnforcements(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListExecutions(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListWorkers(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetHistory(Context* context, const Bytes* request, Bytes* response) override;
  grpc::ServerWriteReactor<Bytes>* Watch(Context* context, const Bytes* request) override;

 private:
  template <typename Request, typename Response, typename Parse, typename Run>
  Unary* Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Parse parse, Run run);
  // For what changes a record: watchers are told when it is done.
  template <typename Request, typename Response, typename Parse, typename Run>
  Unary* Change(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Parse parse, Run run);

  const OperationsParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
