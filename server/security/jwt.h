// JSON Web Tokens (RFC 7519) as the proof of an identity: compact, signed with RS256, ES256 or EdDSA by a key of the JWKS file,
// from the right issuer, for us, and now. What the bearer may do stands in one claim of the token, with the members of the
// file of identities:
//
//   {"iss": "https://id.example.com", "aud": "eventstore", "sub": "ada", "exp": 1790000000,
//    "eventstore": {"roles": ["reader"], "event_types": ["order.*"], "own_user_id": true}}
//
// own_user_id: the user id is limited to `sub`. Members that are not known refuse the token, since one could be a limit.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/security/jwks.h"
#include "server/security/key_file.h"

namespace eventstore::security {

inline constexpr std::size_t kMaxTokenBytes = 8 << 10;

struct TokenRules {
  std::string issuer;    // `iss` has to be this
  std::string audience;  // `aud` has to be this, or hold it
  std::string claim = "eventstore";
  // How far the clocks of issuer and server may be apart.
  std::chrono::seconds skew{30};
};

struct ProvenToken {
  IdentityPtr identity;
  domain::TimeMicros expires = 0;  // skew included
};

// CREDENTIALS_INVALID, or CREDENTIALS_EXPIRED for a token that was good. Errors never quote the token.
absl::StatusOr<ProvenToken> ProveToken(const std::string& token, const Jwks& keys, const TokenRules& rules,
                                       domain::TimeMicros now);

// The second half of it: of claims whose signature is good. For fuzzing, which cannot sign.
absl::StatusOr<ProvenToken> ReadClaims(const std::string& payload, const TokenRules& rules, domain::TimeMicros now);

}  // namespace eventstore::security
