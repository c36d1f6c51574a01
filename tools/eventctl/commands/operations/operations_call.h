// Calls of eventstore.v1.Operations.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "eventstore/v1/operations.grpc.pb.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/service_calls.h"

namespace eventstore::eventctl {

using OperationsCalls = ServiceCalls<v1::Operations>;

}  // namespace eventstore::eventctl
