// From what a call brings to who makes it. Knows where keys are kept and how they change; what an identity may do is in
// server/domain/access.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/security/jwks.h"
#include "server/security/jwt.h"
#include "server/security/key_file.h"
#include "server/security/reread_file.h"
#include "server/security/token_cache.h"

namespace eventstore::security {

struct Credentials {
  // The value of `authorization`, if there is exactly one.
  std::optional<std::string_view> authorization;
  // There are several, of which none can be trusted to be meant.
  bool ambiguous = false;
  // Common name and alternative names of the client's certificate, once TLS has checked it; none without.
  std::vector<std::string> certificate_names;
};

// key, token, certificate or none: by what a call with these is known, if it is known at all.
std::string_view KindOf(const Credentials& credentials);

struct AuthenticatorOptions {
  std::string key_file;   // empty: no keys
  std::string jwks_file;  // empty: no tokens
  TokenRules tokens;
  std::chrono::milliseconds reread_interval{1'000};
  // Lines for the operator; they never hold a key, a token or a part of one.
  std::function<void(const std::string&)> say;
  std::function<void(const std::string&)> warn;
};

// Thread-safe.
class Authenticator {
 public:
  // Reads the files; what is wrong with them is an error here, and only a warning later.
  static absl::StatusOr<std::unique_ptr<Authenticator>> Start(AuthenticatorOptions options, const domain::Clock& clock);

  // CREDENTIALS_MISSING, CREDENTIALS_INVALID or CREDENTIALS_EXPIRED. A bearer goes before a certificate.
  absl::StatusOr<IdentityPtr> Identify(const Credentials& credentials) const;

 private:
  Authenticator(AuthenticatorOptions options, const domain::Clock& clock);
  // Starts to read `path`; what Parse() makes of it is `held` from then on.
  template <typename Parsed>
  absl::StatusOr<std::unique_ptr<RereadFile>> Read(const std::string& path, std::size_t max_bytes,
                                                   std::shared_ptr<const Parsed>& held);
  std::shared_ptr<const KeyFile> keys() const;
  std::shared_ptr<const Jwks> jwks() const;
  absl::StatusOr<IdentityPtr> OfBearer(std::string_view bearer) const;
  absl::StatusOr<IdentityPtr> OfToken(std::string_view token) const;

  const AuthenticatorOptions options_;
  const domain::Clock& clock_;
  mutable std::mutex mutex_;
  std::shared_ptr<const KeyFile> keys_;
  std::shared_ptr<const Jwks> jwks_;
  mutable TokenCache proven_;
  std::unique_ptr<RereadFile> key_reader_;  // these end before what they write to
  std::unique_ptr<RereadFile> jwks_reader_;
};

}  // namespace eventstore::security
