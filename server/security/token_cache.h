// Tokens that were found good, so that a signature is checked once and not with each call: that takes as long as much of an
// append does. By their hash: the tokens themselves are not kept.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "server/domain/time.h"
#include "server/security/api_key.h"
#include "server/security/jwks.h"
#include "server/security/jwt.h"

namespace eventstore::security {

// Thread-safe.
class TokenCache {
 public:
  static constexpr std::size_t kMost = 4'096;

  // Null: not known, expired by now, or checked with other keys than these.
  IdentityPtr Find(const KeyHash& hash, const std::shared_ptr<const Jwks>& keys, domain::TimeMicros now);
  void Keep(const KeyHash& hash, const std::shared_ptr<const Jwks>& keys, const ProvenToken& token);

 private:
  std::mutex mutex_;
  std::shared_ptr<const Jwks> keys_;  // that all below were checked with
  std::map<KeyHash, ProvenToken> proven_;
};

}  // namespace eventstore::security
