#include "tools/eventbench/load/failure.h"

#include "absl/status/status.h"
#include "eventstore/v1/event.pb.h"
#include "google/rpc/error_details.pb.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::milliseconds kDefaultWait{10};
constexpr std::chrono::milliseconds kLongestWait{1'000};

bool IsHopeless(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return true;
    default:
      return false;
  }
}

}  // namespace

Failure FailureOf(const google::rpc::Status& status) {
  const auto code = static_cast<absl::StatusCode>(status.code());
  Failure failure;
  failure.reason = absl::StatusCodeToString(code);
  failure.message = status.message();
  failure.hopeless = IsHopeless(code);
  // Without an ErrorInfo it was gRPC that failed; a method that is not there wrote nothing all the same.
  failure.nothing_written = code == absl::StatusCode::kUnimplemented;
  if (code == absl::StatusCode::kUnavailable || code == absl::StatusCode::kResourceExhausted) {
    failure.wait = kDefaultWait;
  }
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    v1::VersionConflicts conflicts;
    if (detail.UnpackTo(&info)) {
      failure.reason = info.reason();
      failure.nothing_written = info.reason() != "COMMIT_UNKNOWN";
    } else if (detail.UnpackTo(&retry)) {
      const std::chrono::milliseconds asked(retry.retry_delay().seconds() * 1'000 +
                                            retry.retry_delay().nanos() / 1'000'000);
      failure.wait = std::min(std::max(asked, kDefaultWait), kLongestWait);
    } else if (detail.UnpackTo(&conflicts)) {
      for (const auto& conflict : conflicts.conflicts()) {
        if (const auto id = ParseId(conflict.aggregate_id())) {
          failure.actual_versions.emplace_back(*id, conflict.actual_version());
        }
      }
    }
  }
  return failure;
}

Failure FailureOf(const grpc::Status& status) {
  google::rpc::Status full;
  // The code and the message there are the same ones; without details they have to be set.
  full.ParseFromString(status.error_details());
  full.set_code(static_cast<int>(status.error_code()));
  full.set_message(status.error_message());
  return FailureOf(full);
}

}  // namespace eventstore::eventbench
