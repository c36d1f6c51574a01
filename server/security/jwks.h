// The public keys of those who issue tokens: a JWKS file (RFC 7517), as identity providers publish it. Only keys that can
// check RS256, ES256 or EdDSA (Ed25519) signatures are used; keys for other purposes may be in it and are passed over.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::security {

enum class TokenAlgorithm { kRs256, kEs256, kEdDsa };

// As the header of a token names it; nullopt for every other, `none` and HS256 among them.
std::optional<TokenAlgorithm> ParseAlgorithm(std::string_view name);

inline constexpr std::size_t kMaxJwksBytes = 1 << 20;
inline constexpr std::size_t kMaxJwksKeys = 100;
inline constexpr unsigned kMinRsaBits = 2048;

// Immutable, so threads may share it.
class Jwks {
 public:
  // INVALID_REQUEST. Private and symmetric keys are refused: whoever can read the file could make tokens with them.
  static absl::StatusOr<Jwks> Parse(const std::string& text);

  // A compact JWS, signed with the key `kid` and this algorithm; without a kid, with the only key for it. The payload, or
  // CREDENTIALS_INVALID.
  absl::StatusOr<std::string> Verify(const std::string& token, TokenAlgorithm algorithm,
                                     const std::optional<std::string>& kid) const;

  std::size_t keys() const { return keys_.size(); }

 private:
  struct Key {
    std::string kid;  // empty: it has none
    TokenAlgorithm algorithm;
    std::string json;  // its public members alone
  };

  std::vector<Key> keys_;
};

}  // namespace eventstore::security
