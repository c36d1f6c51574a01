#include "server/erasure/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "absl/strings/escaping.h"
#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::erasure {
namespace {

using domain::erasure::kNonceBytes;
using domain::erasure::kTagBytes;

// More than the digits and an end of line cannot be a key.
constexpr std::streamsize kMaxFileBytes = 1'000;

const unsigned char* Bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

struct Release {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Release>;

// Only memory can lack here, or a library without the algorithm.
void Must(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL cannot encrypt with AES-256-GCM");
}

KeyBytes Hmac(const KeyBytes& key, std::string_view text) {
  KeyBytes digest{};
  unsigned size = 0;
  Must(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text), text.size(), digest.data(), &size) !=
       nullptr);
  return digest;
}

// The ciphertext, then the tag.
std::string Encrypt(const KeyBytes& key, std::string_view nonce, std::string_view value, std::string_view bound_to) {
  const Context context(EVP_CIPHER_CTX_new());
  Must(context != nullptr);
  std::string sealed(value.size() + kTagBytes, '\0');
  int size = 0;
  int last = 0;
  Must(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), Bytes(nonce)) == 1);
  Must(EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(bound_to), static_cast<int>(bound_to.size())) == 1);
  Must(EVP_EncryptUpdate(context.get(), Bytes(sealed), &size, Bytes(value), static_cast<int>(value.size())) == 1);
  Must(EVP_EncryptFinal_ex(context.get(), Bytes(sealed) + size, &last) == 1);
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes),
                           Bytes(sealed) + value.size()) == 1);
  return sealed;
}

std::optional<std::string> Decrypt(const KeyBytes& key, std::string_view nonce, std::string_view sealed,
                                   std::string_view bound_to) {
  if (sealed.size() < kTagBytes) return std::nullopt;
  const Context context(EVP_CIPHER_CTX_new());
  Must(context != nullptr);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  sealed.remove_suffix(kTagBytes);
  std::string value(sealed.size(), '\0');
  int size = 0;
  int last = 0;
  Must(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.data(), Bytes(nonce)) == 1);
  Must(EVP_DecryptUpdate(context.get(), nullptr, &size, Bytes(bound_to), static_cast<int>(bound_to.size())) == 1);
  Must(EVP_DecryptUpdate(context.get(), Bytes(value), &size, Bytes(sealed), static_cast<int>(sealed.size())) == 1);
  Must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1);
  // Whether the tag fits.
  if (EVP_DecryptFinal_ex(context.get(), Bytes(value) + size, &last) != 1) return std::nullopt;
  return value;
}

std::string Hex(std::string_view bytes) { return absl::BytesToHexString({bytes.data(), bytes.size()}); }

std::optional<std::string> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (!std::ranges::all_of(hex, is_digit)) return std::nullopt;
  return absl::HexStringToBytes({hex.data(), hex.size()});
}

std::optional<KeyBytes> KeyFrom(std::string_view bytes) {
  KeyBytes key{};
  if (bytes.size() != key.size()) return std::nullopt;
  std::ranges::copy(bytes, key.begin());
  return key;
}

std::string_view AsText(const KeyBytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string WrapBoundTo(const domain::Uuid& id, std::string_view subject) {
  return fmt::format("key of a subject 1\n{}\n{}", id.ToString(), subject);
}

absl::Status Wrong(const std::string& what) { return domain::ErrorOf(domain::Reason::kInvalidRequest, what); }

}  // namespace

SecretKey::~SecretKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::optional<SecretKey> SecretKey::Make() {
  KeyBytes bytes{};
  if (RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return std::nullopt;
  SecretKey key(bytes);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

SubjectKey::SubjectKey(const domain::Uuid& id, const SecretKey& secret)
    : id_(id),
      encrypts_(Hmac(secret.bytes(), "eventstore erasure 1: values")),
      makes_nonces_(Hmac(secret.bytes(), "eventstore erasure 1: nonces")) {}

domain::erasure::Envelope SubjectKey::Seal(std::string_view value, std::string_view bound_to) const {
  // The length keeps what it is bound to apart from the value.
  const KeyBytes mac = Hmac(makes_nonces_.bytes(), fmt::format("{}\n{}\n{}", bound_to.size(), bound_to, value));
  const std::string nonce(AsText(mac).substr(0, kNonceBytes));
  return {id_, nonce, Encrypt(encrypts_.bytes(), nonce, value, bound_to)};
}

std::optional<std::string> SubjectKey::Open(const domain::erasure::Envelope& envelope,
                                            std::string_view bound_to) const {
  return Decrypt(encrypts_.bytes(), envelope.nonce, envelope.sealed, bound_to);
}

absl::StatusOr<MasterKey> MasterKey::Parse(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return Wrong("it is empty");
  text = text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
  auto bytes = FromHex(text);
  const auto key = bytes ? KeyFrom(*bytes) : std::nullopt;
  if (!key) return Wrong("it does not hold 64 hexadecimal digits; `openssl rand -hex 32` makes them");
  return MasterKey(*key);
}

absl::StatusOr<MasterKey> MasterKey::Read(const std::string& path) {
  const auto failed = [&](const std::string& why) {
    return Wrong(fmt::format("erasure_master_key_file {}: {}", path, why));
  };
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return failed(std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): at start
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failed("others than its owner may read or change it; `chmod 600` it");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), kMaxFileBytes);
  if (file.bad() || (file.fail() && !file.eof())) return failed("it cannot be read");
  text.resize(static_cast<std::size_t>(file.gcount()));
  auto key = Parse(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (!key.ok()) return failed(std::string(key.status().message()));
  return key;
}

std::string MasterKey::Fingerprint() const {
  return Hex(AsText(Hmac(key_.bytes(), "eventstore erasure 1: fingerprint")).substr(0, 8));
}

std::string MasterKey::Wrap(const SecretKey& key, const domain::Uuid& id, std::string_view subject) const {
  std::string nonce(kNonceBytes, '\0');
  Must(RAND_bytes(Bytes(nonce), static_cast<int>(nonce.size())) == 1);
  return Hex(nonce) + Hex(Encrypt(key_.bytes(), nonce, AsText(key.bytes()), WrapBoundTo(id, subject)));
}

std::optional<SecretKey> MasterKey::Unwrap(std::string_view hex, const domain::Uuid& id,
                                           std::string_view subject) const {
  const auto bytes = FromHex(hex);
  if (!bytes || bytes->size() < kNonceBytes) return std::nullopt;
  const std::string_view all = *bytes;
  auto opened = Decrypt(key_.bytes(), all.substr(0, kNonceBytes), all.substr(kNonceBytes), WrapBoundTo(id, subject));
  if (!opened) return std::nullopt;
  const auto key = KeyFrom(*opened);
  OPENSSL_cleanse(opened->data(), opened->size());
  if (!key) return std::nullopt;
  return SecretKey(*key);
}

}  // namespace eventstore::erasure
