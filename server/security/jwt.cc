#include "server/security/jwt.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "server/domain/error.h"
#include "server/security/json.h"

namespace eventstore::security {
namespace {

using domain::Reason;
using domain::access::RawIdentity;

// Later than any date that PostgreSQL knows, and far from the end of an int64 in microseconds.
constexpr double kMaxSeconds = 1e12;

absl::Status Refused(const std::string& what) { return domain::ErrorOf(Reason::kCredentialsInvalid, what); }

// Nothing if it is not the one spelling of these bytes: the library reads over white space, padding and bits to spare, and
// would take a token that was never sent like that.
std::optional<std::string> DecodeBase64Url(const std::string& text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || absl::WebSafeBase64Escape(bytes) != text) return std::nullopt;
  return bytes;
}

struct Header {
  TokenAlgorithm algorithm = TokenAlgorithm::kRs256;
  std::optional<std::string> kid;
};

// Looked at before the library sees anything of the token: it would inflate, and could take in keys, as the header says.
absl::StatusOr<Header> HeaderOf(const std::string& token) {
  if (token.size() > kMaxTokenBytes) {
    return Refused(fmt::format("the token has {} bytes; at most {} are taken", token.size(), kMaxTokenBytes));
  }
  constexpr char kNoToken[] = "what was sent is neither a key nor a signed token";
  const std::vector<std::string> parts = absl::StrSplit(token, '.');
  if (parts.size() != 3) return Refused(kNoToken);
  if (!DecodeBase64Url(parts[1]) || !DecodeBase64Url(parts[2])) return Refused(kNoToken);
  const auto text = DecodeBase64Url(parts[0]);
  const Json header = text ? ParseJson(*text) : nullptr;
  if (!json_is_object(header.get())) return Refused(kNoToken);
  for (const char* member : {"crit", "zip", "b64", "jwk", "jku", "x5u", "x5c"}) {
    if (json_object_get(header.get(), member) != nullptr) {
      return Refused(fmt::format("the token's header has {}, which is not taken", member));
    }
  }
  const auto name = TextOf(json_object_get(header.get(), "alg"));
  const auto algorithm = ParseAlgorithm(name.value_or(""));
  if (!algorithm) return Refused("the token is not signed by RS256, ES256 or EdDSA");
  const json_t* kid = json_object_get(header.get(), "kid");
  if (kid != nullptr && !json_is_string(kid)) return Refused("the token's kid is no text");
  return Header{*algorithm, TextOf(kid)};
}

bool IsFor(const json_t* audience, const std::string& us) {
  if (json_is_string(audience)) return TextOf(audience) == us;
  for (std::size_t i = 0; i < json_array_size(audience); ++i) {
    if (TextOf(json_array_get(audience, i)) == us) return true;
  }
  return false;
}

// Seconds since 1970; fractions are allowed. nullopt: not there.
absl::StatusOr<std::optional<double>> TimeOf(const json_t* claims, const char* name) {
  const json_t* value = json_object_get(claims, name);
  if (value == nullptr) return std::optional<double>();
  const double seconds = json_number_value(value);
  if (!json_is_number(value) || seconds < 0 || seconds > kMaxSeconds) {
    return Refused(fmt::format("the token's {} is no time in seconds since 1970", name));
  }
  return std::optional<double>(seconds);
}

// When it ends, skew included.
absl::StatusOr<domain::TimeMicros> CheckTimes(const json_t* claims, std::chrono::seconds skew, domain::TimeMicros now) {
  const double second = static_cast<double>(now) / domain::kMicrosPerSecond;
  const auto slack = static_cast<double>(skew.count());
  for (const char* name : {"nbf", "iat"}) {
    auto from = TimeOf(claims, name);
    if (!from.ok()) return from.status();
    if (*from && **from - slack > second)
      return Refused("the token is not valid yet; compare the clocks of issuer and server");
  }
  auto until = TimeOf(claims, "exp");
  if (!until.ok()) return until.status();
  if (!*until) return Refused("the token has no exp, so it would hold for ever");
  if (**until + slack <= second) {
    return domain::ErrorOf(Reason::kCredentialsExpired, "the token has expired; get a new one");
  }
  return static_cast<domain::TimeMicros>((**until + slack) * domain::kMicrosPerSecond);
}

absl::StatusOr<std::vector<std::string>> TextsOf(const json_t* value, const std::string& name) {
  if (auto text = TextOf(value)) return std::vector<std::string>{*std::move(text)};
  if (!json_is_array(value)) return Refused(fmt::format("{} in the token is no list of texts", name));
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < json_array_size(value); ++i) {
    auto text = TextOf(json_array_get(value, i));
    if (!text) return Refused(fmt::format("{} in the token is no list of texts", name));
    texts.push_back(*std::move(text));
  }
  return texts;
}

absl::StatusOr<IdentityPtr> IdentityOf(const json_t* claims, const std::string& claim) {
  const auto subject = TextOf(json_object_get(claims, "sub"));
  if (!subject) return Refused("the token has no sub, so nobody would know who called");
  json_t* rights = json_object_get(claims, claim.c_str());
  if (!json_is_object(rights))
    return Refused(fmt::format("the token has no object `{}` that says what its bearer may do", claim));
  RawIdentity raw;
  raw.name = *subject;
  const char* name = nullptr;
  json_t* value = nullptr;
  json_object_foreach(rights, name, value) {
    const std::string member = name;
    if (member == "own_user_id") {
      if (!json_is_boolean(value)) return Refused("own_user_id in the token is not true or false");
      continue;
    }
    auto texts = TextsOf(value, member);
    if (!texts.ok()) return texts.status();
    if (member == "roles") {
      raw.roles = *std::move(texts);
    } else if (member == "aggregate_types") {
      raw.aggregate_types = *std::move(texts);
    } else if (member == "user_ids") {
      raw.user_ids = *std::move(texts);
    } else if (member == "event_types") {
      raw.event_types = *std::move(texts);
    } else {
      return Refused(fmt::format("`{}` in the token has a member that is not known; it could be a limit", claim));
    }
  }
  if (json_is_true(json_object_get(rights, "own_user_id"))) {
    if (raw.user_ids) return Refused("the token has own_user_id beside user_ids");
    raw.user_ids = std::vector<std::string>{*subject};
  }
  auto identity = domain::access::ParseIdentity(raw);
  if (!identity.ok()) {
    return Refused(
        fmt::format("`{}` in the token is not understood: {}", claim, std::string(identity.status().message())));
  }
  return std::make_shared<const domain::access::Identity>(*std::move(identity));
}

}  // namespace

absl::StatusOr<ProvenToken> ProveToken(const std::string& token, const Jwks& keys, const TokenRules& rules,
                                       domain::TimeMicros now) {
  const auto header = HeaderOf(token);
  if (!header.ok()) return header.status();
  const auto payload = keys.Verify(token, header->algorithm, header->kid);
  if (!payload.ok()) return payload.status();
  return ReadClaims(*payload, rules, now);
}

absl::StatusOr<ProvenToken> ReadClaims(const std::string& payload, const TokenRules& rules, domain::TimeMicros now) {
  const Json claims = ParseJson(payload);
  if (!json_is_object(claims.get())) return Refused("the token's claims are no JSON object");
  if (TextOf(json_object_get(claims.get(), "iss")) != rules.issuer) {
    return Refused("the token is of another issuer than this server trusts");
  }
  if (!IsFor(json_object_get(claims.get(), "aud"), rules.audience)) return Refused("the token is for another audience");
  const auto expires = CheckTimes(claims.get(), rules.skew, now);
  if (!expires.ok()) return expires.status();
  auto identity = IdentityOf(claims.get(), rules.claim);
  if (!identity.ok()) return identity.status();
  return ProvenToken{*std::move(identity), *expires};
}

}  // namespace eventstore::security
