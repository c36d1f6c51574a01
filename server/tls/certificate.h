// What a server proves itself with, and whom it lets in: PEM files, read with OpenSSL. Nothing here listens.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/time.h"

namespace eventstore::tls {

// Of one listener. Empty paths: without TLS.
struct Files {
  std::string certificate;  // the server's, its intermediates after it
  std::string key;
  std::string client_ca;  // whose certificates clients must show; empty: clients need none

  bool enabled() const { return !certificate.empty(); }
};

struct FreeOpenSsl {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
  void operator()(STACK_OF(X509_NAME) * names) const { sk_X509_NAME_pop_free(names, X509_NAME_free); }
};

// The content of Files at one moment.
struct Certificate {
  std::unique_ptr<X509, FreeOpenSsl> certificate;
  std::unique_ptr<EVP_PKEY, FreeOpenSsl> key;
  std::unique_ptr<STACK_OF(X509), FreeOpenSsl> chain;
  // Null: clients need no certificate.
  std::unique_ptr<X509_STORE, FreeOpenSsl> client_ca;
  std::unique_ptr<STACK_OF(X509_NAME), FreeOpenSsl> client_ca_names;
  domain::TimeMicros expires_at = 0;
};

// INVALID_ARGUMENT that names the file: it cannot be read, is no PEM, or the key is not that of the certificate. An expired
// certificate is taken: clients refuse it, and say so.
absl::StatusOr<std::shared_ptr<const Certificate>> Load(const Files& files);

}  // namespace eventstore::tls
