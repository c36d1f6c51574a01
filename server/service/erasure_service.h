// eventstore.v1.Erasure: destroys keys of subjects on the reading pool, and lists what was destroyed.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "eventstore/v1/erasure.grpc.pb.h"
#include "server/erasure/vault.h"
#include "server/service/pool_call.h"
#include "server/service/request_parser.h"

namespace eventstore::service {

using RawErasure = v1::Erasure::WithRawCallbackMethod_EraseSubject<
    v1::Erasure::WithRawCallbackMethod_ListErasures<v1::Erasure::Service>>;

struct ErasureParts {
  const CallBook& calls;
  storage::ReadExecutor& readers;
  const domain::Clock& clock;
  std::chrono::milliseconds deadline;
  // Null: this server has no master key.
  erasure::Vault* vault;
};

class ErasureService final : public RawErasure {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  explicit ErasureService(ErasureParts parts) : parts_(parts) {}

  Unary* EraseSubject(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListErasures(Context* context, const Bytes* request, Bytes* response) override;

 private:
  const ErasureParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
