#include "server/security/authenticator.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "server/domain/error.h"

namespace eventstore::security {
namespace {

using domain::Reason;

constexpr std::string_view kScheme = "bearer ";

// The scheme's name has no case (RFC 7235); what follows has.
std::optional<std::string_view> BearerOf(std::string_view authorization) {
  if (authorization.size() <= kScheme.size()) return std::nullopt;
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  if (!std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, same)) return std::nullopt;
  return authorization.substr(kScheme.size());
}

}  // namespace

std::string_view KindOf(const Credentials& credentials) {
  if (credentials.authorization) {
    const auto bearer = BearerOf(*credentials.authorization);
    return bearer && bearer->starts_with(kKeyPrefix) ? "key" : "token";
  }
  return credentials.certificate_names.empty() ? "none" : "certificate";
}

Authenticator::Authenticator(AuthenticatorOptions options, const domain::Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

absl::StatusOr<std::unique_ptr<Authenticator>> Authenticator::Start(AuthenticatorOptions options,
                                                                    const domain::Clock& clock) {
  std::unique_ptr<Authenticator> started(new Authenticator(std::move(options), clock));
  const AuthenticatorOptions& opts = started->options_;
  if (!opts.key_file.empty()) {
    auto reader = started->Read(opts.key_file, kMaxKeyFileBytes, started->keys_);
    if (!reader.ok()) return reader.status();
    started->key_reader_ = *std::move(reader);
  }
  if (!opts.jwks_file.empty()) {
    if (opts.tokens.issuer.empty() || opts.tokens.audience.empty()) {
      return domain::ErrorOf(
          Reason::kInvalidRequest,
          "tokens are taken of one issuer and for one audience only: set jwt_issuer and jwt_audience");
    }
    auto reader = started->Read(opts.jwks_file, kMaxJwksBytes, started->jwks_);
    if (!reader.ok()) return reader.status();
    started->jwks_reader_ = *std::move(reader);
  }
  return started;
}

template <typename Parsed>
absl::StatusOr<std::unique_ptr<RereadFile>> Authenticator::Read(const std::string& path, std::size_t max_bytes,
                                                                std::shared_ptr<const Parsed>& held) {
  RereadFile::Options file;
  file.path = path;
  file.max_bytes = max_bytes;
  file.interval = options_.reread_interval;
  file.take = [this, &held](const std::string& text) -> absl::Status {
    auto parsed = Parsed::Parse(text);
    if (!parsed.ok()) return parsed.status();
    auto shared = std::make_shared<const Parsed>(*std::move(parsed));
    const std::scoped_lock lock(mutex_);
    held = std::move(shared);
    return absl::OkStatus();
  };
  file.say = options_.say;
  file.warn = options_.warn;
  auto reader = std::make_unique<RereadFile>(std::move(file));
  if (absl::Status started = reader->Start(); !started.ok()) return started;
  return reader;
}

std::shared_ptr<const Jwks> Authenticator::jwks() const {
  const std::scoped_lock lock(mutex_);
  return jwks_;
}

std::shared_ptr<const KeyFile> Authenticator::keys() const {
  const std::scoped_lock lock(mutex_);
  return keys_;
}

absl::StatusOr<IdentityPtr> Authenticator::Identify(const Credentials& credentials) const {
  if (credentials.ambiguous) {
    return domain::ErrorOf(Reason::kCredentialsInvalid, "the call has several `authorization`; send one");
  }
  if (credentials.authorization) {
    const auto bearer = BearerOf(*credentials.authorization);
    if (bearer) return OfBearer(*bearer);
    return domain::ErrorOf(Reason::kCredentialsInvalid,
                           "the `authorization` of the call is not understood; send `Bearer` and a key or token");
  }
  if (!credentials.certificate_names.empty()) {
    const auto known = keys();
    IdentityPtr identity = known ? known->FindCertificate(credentials.certificate_names) : nullptr;
    if (identity) return identity;
    return domain::ErrorOf(
        Reason::kCredentialsInvalid,
        "no identity has a name of this client's certificate; add one as `certificate` to it, or send "
        "a key or token");
  }
  return domain::ErrorOf(Reason::kCredentialsMissing,
                         "this server wants to know who calls; send the metadata `authorization: Bearer` with a key or "
                         "token (eventctl: --token-file)");
}

absl::StatusOr<IdentityPtr> Authenticator::OfBearer(std::string_view bearer) const {
  if (bearer.starts_with(kKeyPrefix)) {
    const auto known = keys();
    IdentityPtr identity = known ? known->FindKey(bearer) : nullptr;
    if (identity) return identity;
    return domain::ErrorOf(Reason::kCredentialsInvalid, "this key is not known here; it may have been replaced");
  }
  return OfToken(bearer);
}

absl::StatusOr<IdentityPtr> Authenticator::OfToken(std::string_view token) const {
  const auto known = jwks();
  if (!known) {
    return domain::ErrorOf(Reason::kCredentialsInvalid, "what was sent is no key, and this server takes no tokens");
  }
  const auto now = clock_.Now();
  const KeyHash hash = HashOf(token);
  if (IdentityPtr identity = proven_.Find(hash, known, now)) return identity;
  auto proven = ProveToken(std::string(token), *known, options_.tokens, now);
  if (!proven.ok()) return proven.status();
  proven_.Keep(hash, known, *proven);
  return proven->identity;
}

}  // namespace eventstore::security
