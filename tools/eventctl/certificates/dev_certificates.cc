#include "tools/eventctl/certificates/dev_certificates.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "absl/status/statusor.h"
#include "fmt/format.h"

namespace eventstore::eventctl {
namespace {

struct Free {
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

struct Pair {
  Owned<X509> certificate;
  Owned<EVP_PKEY> key;
};

absl::Status OpenSslFailed(const char* what) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return absl::InternalError(fmt::format("OpenSSL could not {}: {}", what, text.data()));
}

bool Extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string SubjectNames(const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    std::array<unsigned char, sizeof(in6_addr)> address{};
    const bool number =
        inet_pton(AF_INET, host.c_str(), address.data()) == 1 || inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
    names += fmt::format("{}{}:{}", names.empty() ? "" : ",", number ? "IP" : "DNS", host);
  }
  return names;
}

enum class Kind : std::uint8_t { kAuthority, kServer, kClient };

// issuer: null: it signs itself.
absl::StatusOr<Pair> Make(Kind kind, const std::string& name, const DevCertificates& wanted, const Pair* issuer) {
  Pair made{Owned<X509>(X509_new()), Owned<EVP_PKEY>(EVP_EC_gen("P-256"))};
  if (!made.certificate || !made.key) return OpenSslFailed("make a key");
  X509* const certificate = made.certificate.get();
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_version(certificate, X509_VERSION_3);
  std::array<unsigned char, 16> serial{};
  RAND_bytes(serial.data(), serial.size());
  serial[0] &= 0x7F;  // above zero
  BIGNUM* const number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
  // An hour ago: clocks differ.
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_time_adj_ex(X509_getm_notAfter(certificate), wanted.days, 0, nullptr);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  const bool authority = kind == Kind::kAuthority;
  bool extended = Extend(certificate, signer, NID_basic_constraints,
                         authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
                  Extend(certificate, signer, NID_key_usage,
                         authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                  Extend(certificate, signer, NID_subject_key_identifier, "hash");
  if (extended && !authority) {
    extended = Extend(certificate, signer, NID_authority_key_identifier, "keyid") &&
               Extend(certificate, signer, NID_ext_key_usage, kind == Kind::kServer ? "serverAuth" : "clientAuth");
  }
  if (extended && kind == Kind::kServer) {
    extended = Extend(certificate, signer, NID_subject_alt_name, SubjectNames(wanted.hosts));
  }
  if (!extended)
    return OpenSslFailed(kind == Kind::kServer ? "name the hosts; are they names or addresses?" : "extend it");
  EVP_PKEY* const key = issuer != nullptr ? issuer->key.get() : made.key.get();
  if (X509_sign(certificate, key, EVP_sha256()) == 0) return OpenSslFailed("sign");
  return made;
}

std::string PemOf(X509* certificate, EVP_PKEY* key) {
  const Owned<BIO> memory(BIO_new(BIO_s_mem()));
  if (certificate != nullptr) {
    PEM_write_bio_X509(memory.get(), certificate);
  } else {
    PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  }
  char* text = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

absl::Status Write(const std::string& path, const std::string& text, mode_t mode) {
  const std::string beside = path + ".new";
  const auto failed = [&] {
    return absl::InternalError(fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
  };
  ::unlink(beside.c_str());
  const int file = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (file < 0) return failed();
  const bool whole = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (::close(file) != 0 || !whole || ::rename(beside.c_str(), path.c_str()) != 0) return failed();
  return absl::OkStatus();
}

}  // namespace

absl::Status MakeDevCertificates(const DevCertificates& wanted) {
  auto authority = Make(Kind::kAuthority, "eventstore development", wanted, nullptr);
  if (!authority.ok()) return authority.status();
  auto server = Make(Kind::kServer, wanted.hosts.front(), wanted, &*authority);
  if (!server.ok()) return server.status();
  auto client = Make(Kind::kClient, wanted.client, wanted, &*authority);
  if (!client.ok()) return client.status();

  struct File {
    const char* name;
    std::string text;
    mode_t mode;
  };
  const std::array files{File{"server.key", PemOf(nullptr, server->key.get()), 0600},
                         File{"server.crt", PemOf(server->certificate.get(), nullptr), 0644},
                         File{"client.key", PemOf(nullptr, client->key.get()), 0600},
                         File{"client.crt", PemOf(client->certificate.get(), nullptr), 0644},
                         File{"ca.crt", PemOf(authority->certificate.get(), nullptr), 0644}};
  std::error_code error;
  std::filesystem::create_directories(wanted.folder, error);
  if (error) return absl::InternalError(fmt::format("{} cannot be made: {}", wanted.folder, error.message()));
  for (const File& file : files) {
    const std::string path = wanted.folder + "/" + file.name;
    if (!wanted.replace && std::filesystem::exists(path, error)) {
      return absl::AlreadyExistsError(
          fmt::format("{} is there already: choose another folder, or add --replace", path));
    }
  }
  for (const File& file : files) {
    if (absl::Status written = Write(wanted.folder + "/" + file.name, file.text, file.mode); !written.ok())
      return written;
  }
  return absl::OkStatus();
}

}  // namespace eventstore::eventctl
