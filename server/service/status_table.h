// From domain errors to what a gRPC client sees: the one table of its kind.
//
// Every error carries one google.rpc.ErrorInfo (domain "eventstore.v1"); field violations add a BadRequest, a retry time
// a RetryInfo, conflicts an eventstore.v1.VersionConflicts.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace eventstore::service {

inline constexpr char kErrorDomain[] = "eventstore.v1";

// Clients refuse trailers above 8 KiB by default, and base64 takes a third: what does not fit is cut from the end of
// the lists, never the ErrorInfo.
inline constexpr std::size_t kMaxDetailBytes = 4096;

grpc::Status ToGrpc(const absl::Status& status);
// The same as a message, for an error inside an answer.
google::rpc::Status ToRpcStatus(const absl::Status& status);

}  // namespace eventstore::service
