// Calls of one service with one answer each, by the server, the credentials and the patience that the command line names.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "client/src/status.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {

// `Service`: as generated, v1::Analytics.
template <typename Service>
class ServiceCalls {
 public:
  using Stub = typename Service::Stub;

  explicit ServiceCalls(const Context& context)
      : stub_(Service::NewStub(MakeChannel(context))),
        patience_(CallOptionsOf(context).timeout.value_or(std::chrono::milliseconds{30'000})) {}

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

  // For calls with many answers.
  Stub& stub() const { return *stub_; }

 private:
  const std::unique_ptr<Stub> stub_;
  const std::chrono::milliseconds patience_;  // 30 s unless --timeout says otherwise
};

}  // namespace eventstore::eventctl
