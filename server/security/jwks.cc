#include "server/security/jwks.h"

#include <fmt/format.h>
#include <rhonabwy.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "server/domain/error.h"
#include "server/security/json.h"

namespace eventstore::security {
namespace {

using domain::Reason;

struct JwkRelease {
  void operator()(jwk_t* key) const { r_jwk_free(key); }
};
struct JwsRelease {
  void operator()(jws_t* token) const { r_jws_free(token); }
};
using Jwk = std::unique_ptr<jwk_t, JwkRelease>;
using Jws = std::unique_ptr<jws_t, JwsRelease>;

// Nothing is ever fetched, whatever a key or token points to.
constexpr int kNoFetching = R_FLAG_IGNORE_REMOTE;

absl::Status Wrong(const std::string& what) { return domain::ErrorOf(Reason::kInvalidRequest, what); }

absl::Status Refused(const std::string& what) { return domain::ErrorOf(Reason::kCredentialsInvalid, what); }

// Of base64url, for a coordinate of either curve.
constexpr std::size_t kCoordinateDigits = 43;

struct Kind {
  TokenAlgorithm algorithm;
  const char* name;
  const char* kty;
  const char* crv;  // null: has none
  std::array<const char*, 2> members;
  jwa_alg library;
};

constexpr std::array kKinds = {
    Kind{TokenAlgorithm::kRs256, "RS256", "RSA", nullptr, {"n", "e"}, R_JWA_ALG_RS256},
    Kind{TokenAlgorithm::kEs256, "ES256", "EC", "P-256", {"x", "y"}, R_JWA_ALG_ES256},
    Kind{TokenAlgorithm::kEdDsa, "EdDSA", "OKP", "Ed25519", {"x", nullptr}, R_JWA_ALG_EDDSA},
};

const Kind& KindOf(TokenAlgorithm algorithm) { return kKinds.at(static_cast<std::size_t>(algorithm)); }

bool MayBe(const json_t* key, const char* member, std::string_view wanted) {
  const auto text = TextOf(json_object_get(key, member));
  return !text || *text == wanted;
}

// What the key is for; null: nothing that tokens are signed by.
const Kind* KindOf(const json_t* key) {
  for (const Kind& kind : kKinds) {
    if (TextOf(json_object_get(key, "kty")) != kind.kty) continue;
    if (kind.crv != nullptr && TextOf(json_object_get(key, "crv")) != kind.crv) continue;
    if (MayBe(key, "use", "sig") && MayBe(key, "alg", kind.name)) return &kind;
  }
  return nullptr;
}

Jwk Import(const std::string& json) {
  jwk_t* raw = nullptr;
  if (r_jwk_init(&raw) != RHN_OK) return nullptr;
  Jwk key(raw);
  return r_jwk_import_from_json_str(raw, json.c_str()) == RHN_OK ? std::move(key) : nullptr;
}

// The public members alone: what else stands there, such as where to fetch a certificate, is not for us.
absl::StatusOr<std::string> PublicPart(const json_t* key, const Kind& kind, std::size_t number) {
  const Json part(json_object());
  json_object_set_new(part.get(), "kty", json_string(kind.kty));
  if (kind.crv != nullptr) json_object_set_new(part.get(), "crv", json_string(kind.crv));
  for (const char* member : kind.members) {
    if (member == nullptr) continue;
    const auto text = TextOf(json_object_get(key, member));
    if (!text) return Wrong(fmt::format("keys[{}] has no {}", number, member));
    // 32 bytes; the library would take any number.
    if (kind.crv != nullptr && text->size() != kCoordinateDigits) {
      return Wrong(fmt::format("keys[{}] has a {} of another length than 32 bytes", number, member));
    }
    json_object_set_new(part.get(), member, json_string(text->c_str()));
  }
  const std::unique_ptr<char, decltype(&std::free)> text(json_dumps(part.get(), JSON_COMPACT), &std::free);
  if (!text) return Wrong(fmt::format("keys[{}] is not understood", number));
  const Jwk imported = Import(text.get());
  unsigned bits = 0;
  const int type = imported ? r_jwk_key_type(imported.get(), &bits, kNoFetching) : 0;
  if ((type & R_KEY_TYPE_PUBLIC) == 0)
    return Wrong(fmt::format("keys[{}] is no public key that is understood", number));
  if (kind.algorithm == TokenAlgorithm::kRs256 && bits < kMinRsaBits) {
    return Wrong(fmt::format("keys[{}] is an RSA key of {} bits; at least {} are wanted", number, bits, kMinRsaBits));
  }
  return std::string(text.get());
}

}  // namespace

std::optional<TokenAlgorithm> ParseAlgorithm(std::string_view name) {
  const auto kind = std::ranges::find_if(kKinds, [&](const Kind& one) { return name == one.name; });
  return kind == kKinds.end() ? std::nullopt : std::optional(kind->algorithm);
}

absl::StatusOr<Jwks> Jwks::Parse(const std::string& text) {
  const Json root = ParseJson(text);
  const json_t* list = root ? json_object_get(root.get(), "keys") : nullptr;
  if (!json_is_array(list))
    return Wrong("it is no JWKS: a JSON object with a list of `keys` (a PEM file has to be converted)");
  if (json_array_size(list) > kMaxJwksKeys) return Wrong(fmt::format("it has more than {} keys", kMaxJwksKeys));
  Jwks jwks;
  std::set<std::pair<std::string, TokenAlgorithm>> kids;
  for (std::size_t i = 0; i < json_array_size(list); ++i) {
    const json_t* key = json_array_get(list, i);
    if (json_object_get(key, "d") != nullptr || TextOf(json_object_get(key, "kty")) == "oct") {
      return Wrong(fmt::format("keys[{}] is a secret key; give the server public ones only, and replace this one", i));
    }
    const Kind* kind = KindOf(key);
    if (kind == nullptr) continue;
    auto json = PublicPart(key, *kind, i);
    if (!json.ok()) return json.status();
    Key known{TextOf(json_object_get(key, "kid")).value_or(""), kind->algorithm, *std::move(json)};
    if (!known.kid.empty() && !kids.emplace(known.kid, known.algorithm).second) {
      return Wrong(fmt::format("keys[{}] has the kid of another", i));
    }
    jwks.keys_.push_back(std::move(known));
  }
  if (jwks.keys_.empty()) return Wrong("it has no key for RS256, ES256 or EdDSA");
  return jwks;
}

absl::StatusOr<std::string> Jwks::Verify(const std::string& token, TokenAlgorithm algorithm,
                                         const std::optional<std::string>& kid) const {
  const Key* chosen = nullptr;
  for (const Key& key : keys_) {
    if (key.algorithm != algorithm || (kid && key.kid != *kid)) continue;
    if (chosen != nullptr) return Refused("the token has no kid, and several keys could have signed it");
    chosen = &key;
  }
  if (chosen == nullptr) {
    return Refused("the token is signed with a key that this server does not have; the JWKS file may be out of date");
  }
  // A key of its own for each call: what the library keeps in one is not made for several threads.
  const Jwk key = Import(chosen->json);
  jws_t* raw = nullptr;
  if (!key || r_jws_init(&raw) != RHN_OK) return Refused("the token could not be checked");
  const Jws jws(raw);
  // By the key that we chose, never by one that the token brings.
  if (r_jws_advanced_compact_parsen(raw, token.data(), token.size(), R_PARSE_NONE, kNoFetching) != RHN_OK ||
      r_jws_get_alg(raw) != KindOf(algorithm).library ||
      r_jws_verify_signature(raw, key.get(), kNoFetching) != RHN_OK) {
    return Refused("the signature of the token is not good");
  }
  std::size_t size = 0;
  const unsigned char* payload = r_jws_get_payload(raw, &size);
  if (payload == nullptr) return Refused("the token has no claims");
  return std::string(reinterpret_cast<const char*>(payload), size);
}

}  // namespace eventstore::security
