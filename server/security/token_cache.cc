#include "server/security/token_cache.h"

namespace eventstore::security {

IdentityPtr TokenCache::Find(const KeyHash& hash, const std::shared_ptr<const Jwks>& keys, domain::TimeMicros now) {
  const std::scoped_lock lock(mutex_);
  if (keys_ != keys) return nullptr;
  const auto found = proven_.find(hash);
  if (found == proven_.end()) return nullptr;
  if (now < found->second.expires) return found->second.identity;
  proven_.erase(found);
  return nullptr;
}

void TokenCache::Keep(const KeyHash& hash, const std::shared_ptr<const Jwks>& keys, const ProvenToken& token) {
  const std::scoped_lock lock(mutex_);
  // Full of tokens that expired without being sent again, as a rule; those in use are checked once more.
  if (keys_ != keys || proven_.size() >= kMost) proven_.clear();
  keys_ = keys;
  proven_.insert_or_assign(hash, token);
}

}  // namespace eventstore::security
