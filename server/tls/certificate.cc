#include "server/tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>

#include "fmt/format.h"

namespace eventstore::tls {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

absl::Status Wrong(const std::string& path, const std::string& what) {
  std::string why;
  if (const unsigned long error = ERR_peek_last_error(); error != 0) {
    if (const char* reason = ERR_reason_error_string(error); reason != nullptr) why = fmt::format(" ({})", reason);
  }
  ERR_clear_error();
  return absl::InvalidArgumentError(fmt::format("TLS: {} {}{}", path, what, why));
}

absl::StatusOr<Bio> Open(const std::string& path) {
  ERR_clear_error();
  Bio bio(BIO_new_file(path.c_str(), "r"));
  if (!bio) return Wrong(path, "cannot be read: check the path and that the server's account may read it");
  return bio;
}

// Every certificate of a file. An encrypted key or anything else in it is left alone.
absl::StatusOr<std::unique_ptr<STACK_OF(X509), FreeOpenSsl>> ReadCertificates(const std::string& path) {
  auto bio = Open(path);
  if (!bio.ok()) return bio.status();
  std::unique_ptr<STACK_OF(X509), FreeOpenSsl> all(sk_X509_new_null());
  while (X509* one = PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)) sk_X509_push(all.get(), one);
  if (sk_X509_num(all.get()) == 0) return Wrong(path, "holds no certificate in PEM");
  // The end of the file is an error to OpenSSL; another one is a broken certificate behind good ones.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return Wrong(path, "holds a broken certificate");
  ERR_clear_error();
  return all;
}

// Nobody is there to type a passphrase.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status ReadKey(const Files& files, Certificate& into) {
  auto bio = Open(files.key);
  if (!bio.ok()) return bio.status();
  into.key.reset(PEM_read_bio_PrivateKey(bio->get(), nullptr, NoPassphrase, nullptr));
  if (!into.key) return Wrong(files.key, "holds no private key in PEM without a passphrase");
  if (X509_check_private_key(into.certificate.get(), into.key.get()) == 1) return absl::OkStatus();
  return Wrong(files.key, fmt::format("is not the key of {}", files.certificate));
}

absl::Status ReadClientCa(const std::string& path, Certificate& into) {
  auto all = ReadCertificates(path);
  if (!all.ok()) return all.status();
  into.client_ca.reset(X509_STORE_new());
  into.client_ca_names.reset(sk_X509_NAME_new_null());
  for (int i = 0; i < sk_X509_num(all->get()); ++i) {
    X509* one = sk_X509_value(all->get(), i);
    X509_STORE_add_cert(into.client_ca.get(), one);
    sk_X509_NAME_push(into.client_ca_names.get(), X509_NAME_dup(X509_get_subject_name(one)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Certificate>> Load(const Files& files) {
  auto made = std::make_shared<Certificate>();
  auto chain = ReadCertificates(files.certificate);
  if (!chain.ok()) return chain.status();
  made->certificate.reset(sk_X509_shift(chain->get()));
  made->chain = *std::move(chain);
  if (absl::Status key = ReadKey(files, *made); !key.ok()) return key;
  if (!files.client_ca.empty()) {
    if (absl::Status ca = ReadClientCa(files.client_ca, *made); !ca.ok()) return ca;
  }
  std::tm until{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(made->certificate.get()), &until) == 1) {
    made->expires_at = static_cast<domain::TimeMicros>(timegm(&until)) * domain::kMicrosPerSecond;
  }
  return made;
}

}  // namespace eventstore::tls
