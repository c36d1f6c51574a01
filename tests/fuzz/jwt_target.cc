#include <array>
#include <string_view>

#include "server/domain/validation.h"
#include "server/security/jwks.h"
#include "server/security/jwt.h"
#include "server/security/key_file.h"
#include "tests/fuzz/targets.h"

namespace eventstore::fuzz {
namespace {

constexpr char kJwks[] =
    R"({"keys":[{"kid":"one","kty":"OKP","crv":"Ed25519","x":"7Q-sHQrdWvkv3bTE9ZFdgo_LEZyw3IOfUjyHep8YzjE"},)"
    R"({"kid":"two","kty":"OKP","crv":"Ed25519","x":"jkMlxmT7xDsug1ITYwTVU1TXo3U4ZyVUnMaFPs5uUEM"}]})";
constexpr domain::TimeMicros kNow = 1'800'000'000 * domain::kMicrosPerSecond;

// Nobody can sign with these keys any more, so what is accepted begins as one of the tokens in the corpus does.
constexpr std::array<std::string_view, 3> kSigned = {
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXV"
    "kIjoiZXZlbnRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXI"
    "iLCJ3cml0ZXIiXSwib3duX3VzZXJfaWQiOnRydWV9fQ",
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXV"
    "kIjoiZXZlbnRzdG9yZSIsInN1YiI6InJvb3QiLCJleHAiOjQxMDI0NDQ4MDAsImV2ZW50c3RvcmUiOnsicm9sZXMiOlsiYWRtaW4"
    "iXX19",
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCIsImtpZCI6InR3byJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUuY29tIiwiYXV"
    "kIjoiZXZlbnRzdG9yZSIsInN1YiI6ImFkYSIsImV4cCI6NDEwMjQ0NDgwMCwiZXZlbnRzdG9yZSI6eyJyb2xlcyI6WyJyZWFkZXI"
    "iLCJ3cml0ZXIiXSwib3duX3VzZXJfaWQiOnRydWV9fQ",
};

bool IsSigned(std::string_view token) {
  const auto part = token.substr(0, token.rfind('.'));
  for (const auto known : kSigned) {
    if (part == known) return true;
  }
  return false;
}

std::string CheckIdentity(const domain::access::Identity& identity) {
  if (identity.name.empty() || identity.name.size() > domain::access::kMaxIdentityNameBytes)
    return "a name of no good size";
  if (!domain::IsValidUtf8(identity.name)) return "a name that is not UTF-8";
  for (const char c : identity.name) {
    if (static_cast<unsigned char>(c) < 0x20) return "a name with control characters";
  }
  if (identity.roles.empty()) return "an identity without a role";
  const auto& limits = identity.limits;
  for (const auto* list :
       {&limits.aggregate_types, &limits.user_ids, &limits.event_types, &limits.event_type_prefixes}) {
    if (list->size() > domain::access::kMaxLimitValues) return "too many limits";
    for (const auto& text : *list) {
      if (text.empty() || !domain::IsValidUtf8(text)) return "a limit that is no text";
    }
  }
  return "";
}

std::string CheckRefusal(const absl::Status& status) {
  return domain::IsValidUtf8(std::string(status.message())) ? "" : "a refusal that is not UTF-8";
}

std::string CheckToken(const std::string& input, const security::TokenRules& rules) {
  static const auto kKeys = security::Jwks::Parse(kJwks);
  const auto proven = security::ProveToken(input, *kKeys, rules, kNow);
  if (!proven.ok()) return CheckRefusal(proven.status());
  if (!IsSigned(input)) return "accepted what nobody signed";
  return CheckIdentity(*proven->identity);
}

}  // namespace

std::string CheckJwt(const std::string& input) {
  const security::TokenRules rules{"https://id.example.com", "eventstore", "eventstore", std::chrono::seconds{30}};
  if (std::string wrong = CheckToken(input, rules); !wrong.empty()) return wrong;
  if (const auto claims = security::ReadClaims(input, rules, kNow); claims.ok()) {
    if (claims->expires <= kNow) return "accepted claims whose time is over";
    if (std::string wrong = CheckIdentity(*claims->identity); !wrong.empty()) return wrong;
  } else if (std::string wrong = CheckRefusal(claims.status()); !wrong.empty()) {
    return wrong;
  }
  if (const auto keys = security::Jwks::Parse(input); keys.ok()) {
    if (keys->keys() == 0 || keys->keys() > security::kMaxJwksKeys) return "a JWKS of no good size";
    (void)keys->Verify("e30.e30.AA", security::TokenAlgorithm::kEdDsa, std::nullopt);
  }
  if (const auto file = security::KeyFile::Parse(input); file.ok()) {
    for (const auto& listed : file->listed()) {
      if (std::string wrong = CheckIdentity(*listed.identity); !wrong.empty()) return wrong;
    }
  } else {
    return CheckRefusal(file.status());
  }
  return "";
}

}  // namespace eventstore::fuzz
