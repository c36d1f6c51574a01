// Calls of eventstore.v1.Operations.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "client/src/status.h"
#include "eventstore/v1/operations.grpc.pb.h"
#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

class OperationsCalls {
 public:
  using Stub = v1::Operations::Stub;

  explicit OperationsCalls(const Context& context)
      : stub_(v1::Operations::NewStub(MakeChannel(context))),
        patience_(CallOptionsOf(context).timeout.value_or(std::chrono::seconds{30})) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request) const {
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + patience_);
    Response response;
    const absl::Status status = client::internal::FromGrpc(((*stub_).*method)(&call, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  Stub& stub() const { return *stub_; }

 private:
  const std::unique_ptr<Stub> stub_;
  const std::chrono::milliseconds patience_;  // 30 s unless --timeout says otherwise
};

}  // namespace eventstore::eventctl
