// Connections to the server, each a TCP connection of its own.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

// UNAVAILABLE when the server does not answer within a few seconds.
absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Connect(const Options& options, int connections);

}  // namespace eventstore::eventbench
