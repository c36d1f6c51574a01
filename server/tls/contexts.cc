#include "server/tls/contexts.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

namespace eventstore::tls {
namespace {

constexpr unsigned int kRefreshSeconds = 1;

// Called in each handshake, before the certificate is sent. 0 ends the handshake.
int UseCertificate(SSL* connection, void* watch) {
  const auto now = static_cast<CertificateWatch*>(watch)->Get();
  if (SSL_use_cert_and_key(connection, now->certificate.get(), now->key.get(), now->chain.get(), 1) != 1) return 0;
  if (!now->client_ca) return 1;
  // Both count references or copy: `now` may go.
  if (SSL_set1_verify_cert_store(connection, now->client_ca.get()) != 1) return 0;
  SSL_set_client_CA_list(connection, SSL_dup_CA_list(now->client_ca_names.get()));
  SSL_set_verify(connection, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return 1;
}

}  // namespace

absl::StatusOr<Transport> MakeTransport(const Files& files, const std::string& http_client_ca,
                                        const domain::Clock& clock) {
  if (!files.enabled()) return Transport{grpc::InsecureServerCredentials(), nullptr};
  // gRPC would only refuse every handshake.
  if (auto loaded = Load(files); !loaded.ok()) return loaded.status();
  auto http = CertificateWatch::Begin({files.certificate, files.key, http_client_ca}, clock);
  if (!http.ok()) return http.status();
  return Transport{GrpcCredentials(files), *std::move(http)};
}

std::shared_ptr<grpc::ServerCredentials> GrpcCredentials(const Files& files) {
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.client_ca, kRefreshSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

bool SetUp(SSL_CTX& context, CertificateWatch& watch) {
  if (SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) != 1) return false;
  // A session that is resumed would skip the client's certificate after its CA was taken away.
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(&context, SSL_OP_NO_TICKET);
  SSL_CTX_set_cert_cb(&context, UseCertificate, &watch);
  return true;
}

}  // namespace eventstore::tls
