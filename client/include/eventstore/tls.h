// Channel credentials from files, for Options::credentials.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace grpc {
class ChannelCredentials;
}

namespace eventstore::client {

// PEM files, read once. A client that runs longer than its certificate is valid makes a new EventStoreClient.
struct TlsOptions {
  // Whose servers are trusted. Empty: the authorities that gRPC finds on the system.
  std::string ca_file = {};
  // What the client proves itself with, where the server asks for it (its setting tls_client_ca): both or none.
  std::string certificate_file = {};
  std::string key_file = {};
};

// The server's certificate must name the host of Options::target. INVALID_ARGUMENT: a file cannot be read, or one of
// certificate and key is missing. Whether they are good shows at the first call, which is UNAVAILABLE otherwise.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentials(const TlsOptions& options);

}  // namespace eventstore::client
