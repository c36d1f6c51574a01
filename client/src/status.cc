#include "client/src/status.h"

#include "absl/strings/cord.h"
#include "google/rpc/status.pb.h"

namespace eventstore::client::internal {

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // absl took its codes from gRPC, number by number.
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    for (const auto& detail : details.details()) result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

absl::Status WithNote(const absl::Status& status, const std::string& note) {
  absl::Status result(status.code(), std::string(status.message()) + note);
  status.ForEachPayload([&](auto type_url, const absl::Cord& payload) { result.SetPayload(type_url, payload); });
  return result;
}

}  // namespace eventstore::client::internal
