// The gRPC server: our services, health and reflection on one address.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/service/call_count.h"
#include "server/service/reset_guard.h"

namespace eventstore::service {

// Above the largest valid request (domain/limits.h), so that oversized ones get our own answer. What is larger still is
// refused by gRPC with RESOURCE_EXHAUSTED before we see it.
inline constexpr int kMaxReceiveBytes = 64 << 20;

// Of connections. What takes longer, or more, is ended by gRPC. 0: never, for those that may be 0.
struct ConnectionLimits {
  // gRPC refuses twice as much, up to kMaxReceiveBytes, without an ErrorInfo; what is between is refused by request_parser.
  int message_bytes = kMaxReceiveBytes;
  std::chrono::seconds handshake{20};   // TLS, the HTTP/2 preface and the client's settings
  std::chrono::seconds keepalive{300};  // silence after which a client is asked whether it is still there
  std::chrono::seconds idle{0};         // without a call
  std::chrono::seconds age{0};          // then the client is asked to connect anew, and calls may end
  int streams = 1'000;  // calls at once on one connection; twice as many that are not cleaned up cut it (reset_guard.h)
  int memory_mib = 0;   // of all messages and buffers of gRPC
};

class GrpcServer {
 public:
  // Health is NOT_SERVING until SetServing(true). Services and `calls`, which those count, must outlive the server.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(const std::string& listen,
                                                           std::shared_ptr<grpc::ServerCredentials> credentials,
                                                           const std::vector<grpc::Service*>& services,
                                                           const std::vector<std::string>& service_names,
                                                           bool reflection, const ConnectionLimits& limits,
                                                           const CallCount& calls);

  int port() const { return port_; }

  // Connections cut since they began calls and reset them.
  std::uint64_t connections_cut() const { return guard_ ? guard_->cut() : 0; }

  // Overall and for each service.
  void SetServing(bool serving);

  // Closes every connection at once; calls that still run are cancelled. Their clients see a connection that broke, which
  // is UNAVAILABLE. (gRPC's own way to drain ends what arrives meanwhile with CANCELLED, and a client that is idle goes on
  // sending, since it does not read that the server is going away.) Returns when no call is left.
  void Shutdown();

 private:
  GrpcServer() = default;

  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ResetGuard> guard_;  // null: any number of calls is allowed
  std::vector<std::string> names_;
  int port_ = 0;
};

}  // namespace eventstore::service
