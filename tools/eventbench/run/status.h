// gRPC's status as abseil's.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "tools/eventbench/load/failure.h"

namespace eventstore::eventbench {

// The message begins with the reason that the server gave.
inline absl::Status ToAbsl(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const Failure failure = FailureOf(status);
  return {static_cast<absl::StatusCode>(status.error_code()), failure.reason + ": " + failure.message};
}

}  // namespace eventstore::eventbench
