// TLS as gRPC and as OpenSSL's users want it, from the same files. TLS 1.2 at least.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <openssl/ssl.h>

#include <memory>

#include "server/tls/certificate_watch.h"

namespace eventstore::tls {

// How both listeners are secured.
struct Transport {
  std::shared_ptr<grpc::ServerCredentials> grpc;
  std::unique_ptr<CertificateWatch> http;  // null: no TLS
};
// Without TLS where `grpc` is not enabled. HTTP has the same certificate, and a client CA of its own: whoever probes or scrapes
// is somebody else than who appends.
absl::StatusOr<Transport> MakeTransport(const Files& grpc, const std::string& http_client_ca,
                                        const domain::Clock& clock);

// gRPC looks after the files itself, every second; a pair that does not fit makes it refuse handshakes until it does.
std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Files& files);

// Every handshake takes what `watch` has then. `watch` outlives the context. False: OpenSSL refused.
bool SetUp(SSL_CTX& context, CertificateWatch& watch);

}  // namespace eventstore::tls
