// An error of the store, as far as a load harness cares.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "google/rpc/status.pb.h"
#include "tools/eventbench/load/ids.h"

namespace eventstore::eventbench {

struct Failure {
  std::string reason;  // of the ErrorInfo, else the name of the code
  std::string message;
  // The answer says so; false: it may have been written.
  bool nothing_written = false;
  // The same call will not do better later.
  bool hopeless = false;
  // How long to wait before the next call; 0: not said, and no reason to.
  std::chrono::milliseconds wait{0};
  // Versions that a conflict told.
  std::vector<std::pair<Id, std::int32_t>> actual_versions;
};

Failure FailureOf(const google::rpc::Status& status);
Failure FailureOf(const grpc::Status& status);

}  // namespace eventstore::eventbench
