// Calls of eventstore.v1.Housekeeper, and a run that is watched to its end.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/src/status.h"
#include "eventstore/v1/housekeeper.grpc.pb.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/input/interrupt.h"

namespace eventstore::eventctl {

class HousekeeperCalls {
 public:
  explicit HousekeeperCalls(const Context& context);

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Housekeeper::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                              Response*),
                                const Request& request) const {
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + patience_);
    Response response;
    const absl::Status status = client::internal::FromGrpc(((*stub_).*method)(&call, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Until the run has ended, or Ctrl-C, which ends it after its step. The run as it was recorded.
  absl::StatusOr<v1::TaskRun> Run(const v1::RunTaskRequest& request, Interrupt& interrupt,
                                  const std::function<void(const v1::RunTaskResponse::Progress&)>& progress) const;

 private:
  const std::unique_ptr<v1::Housekeeper::Stub> stub_;
  const std::chrono::milliseconds patience_;  // 30 s unless --timeout says otherwise
  const bool patience_given_;                 // else a run may take as long as it takes
};

// Runs a task with a line of progress, prints what came of it, and says how it ended: 0 done or nothing to do, 1 it runs
// already or there is no such task, 5 it failed.
// `interrupt` is made before the first call, since calls make threads.
ExitCode RunTaskToEnd(Context& context, const v1::RunTaskRequest& request, Interrupt& interrupt);

}  // namespace eventstore::eventctl
