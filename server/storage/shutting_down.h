// The answer of a server that drains.
#pragma once

#include "absl/status/status.h"
#include "server/domain/error.h"

namespace eventstore::storage {

// With RetryInfo: long enough that the caller is away when the connections are closed, since gRPC answers calls that are
// under way then with CANCELLED.
inline absl::Status ShuttingDown() {
  domain::Error error;
  error.reason = domain::Reason::kShuttingDown;
  error.message = "the server is shutting down and did not do this; try again";
  error.retry_after_ms = 1000;
  return domain::ToStatus(error);
}

}  // namespace eventstore::storage
