// From a gRPC status to an absl one that keeps the details.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace eventstore::client::internal {

// Every google.rpc detail becomes a payload under its type URL.
absl::Status FromGrpc(const grpc::Status& status);

// The same error with `note` after its message.
absl::Status WithNote(const absl::Status& status, const std::string& note);

// The payload of type `Message`, or false.
template <typename Message>
bool ReadDetail(const absl::Status& status, Message* message) {
  const auto payload = status.GetPayload("type.googleapis.com/" + std::string(Message::descriptor()->full_name()));
  return payload.has_value() && message->ParseFromString(std::string(*payload));
}

}  // namespace eventstore::client::internal
