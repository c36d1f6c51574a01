// AES-256-GCM and HMAC-SHA-256 of OpenSSL, as erasure uses them. No database.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/erasure/envelope.h"

namespace eventstore::erasure {

inline constexpr std::size_t kKeyBytes = 32;
using KeyBytes = std::array<std::uint8_t, kKeyBytes>;

// Wiped when it goes.
class SecretKey {
 public:
  explicit SecretKey(const KeyBytes& bytes) : bytes_(bytes) {}
  ~SecretKey();
  SecretKey(const SecretKey& other) = default;
  SecretKey& operator=(const SecretKey&) = delete;
  const KeyBytes& bytes() const { return bytes_; }

  // From the system's random numbers. Nothing: it has none.
  static std::optional<SecretKey> Make();

 private:
  KeyBytes bytes_;
};

// Encrypts values of one subject. The nonce is made of the value and of what it is bound to (HMAC), so the same value in the
// same place of the same event has the same ciphertext: a repeated append is recognised by comparing what is stored. Two
// different values never share a nonce, but for chance.
class SubjectKey {
 public:
  SubjectKey(const domain::Uuid& id, const SecretKey& secret);

  const domain::Uuid& id() const { return id_; }
  domain::erasure::Envelope Seal(std::string_view value, std::string_view bound_to) const;
  // Nothing: it was sealed with another key or for another place, or is damaged.
  std::optional<std::string> Open(const domain::erasure::Envelope& envelope, std::string_view bound_to) const;

 private:
  const domain::Uuid id_;
  const SecretKey encrypts_;
  const SecretKey makes_nonces_;
};

// Wraps the keys of subjects, so that a copy of the database opens nothing.
class MasterKey {
 public:
  // 64 hexadecimal digits and white space around them. INVALID_REQUEST that tells nothing of the file.
  static absl::StatusOr<MasterKey> Parse(std::string_view text);
  static absl::StatusOr<MasterKey> Read(const std::string& path);

  // 16 hexadecimal digits by which the database knows it; tells nothing of the key.
  std::string Fingerprint() const;

  // Bound to the subject and the id. In hexadecimal digits.
  std::string Wrap(const SecretKey& key, const domain::Uuid& id, std::string_view subject) const;
  std::optional<SecretKey> Unwrap(std::string_view hex, const domain::Uuid& id, std::string_view subject) const;

 private:
  explicit MasterKey(const KeyBytes& bytes) : key_(bytes) {}
  SecretKey key_;
};

}  // namespace eventstore::erasure
