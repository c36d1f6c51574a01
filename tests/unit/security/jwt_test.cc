#include "server/security/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/domain/error.h"
#include "server/security/token_cache.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/security/token_maker.h"

namespace eventstore::security {
namespace {

using domain::Reason;
using domain::access::Role;
using eventstore::testing::HasReason;
using eventstore::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr domain::TimeMicros kNow = 1'800'000'000 * domain::kMicrosPerSecond;

std::string Claims(const std::string& changed = "", const std::string& by = "") {
  std::string claims = R"({"iss":"https://id.example.com","aud":"eventstore","sub":"ada","iat":1799999000,)"
                       R"("exp":1800000100,"eventstore":{"roles":["reader"]}})";
  if (changed.empty()) return claims;
  const auto at = claims.find(changed);
  EXPECT_NE(at, std::string::npos) << changed;
  return claims.replace(at, changed.size(), by);
}

TokenRules Rules() { return {"https://id.example.com", "eventstore", "eventstore", std::chrono::seconds{30}}; }

class JwtTest : public ::testing::Test {
 protected:
  JwtTest() {
    auto parsed = Jwks::Parse(JwksOf(rsa_.Jwk("r") + "," + ec_.Jwk("e") + "," + ed_.Jwk("d")));
    EXPECT_THAT(parsed, IsOk());
    keys_ = std::make_unique<Jwks>(*std::move(parsed));
  }

  absl::StatusOr<ProvenToken> Prove(const std::string& token, domain::TimeMicros now = kNow) const {
    auto proven = ProveToken(token, *keys_, Rules(), now);
    // Whatever is wrong with it, it is not said by repeating it.
    if (!proven.ok() && token.size() > 20) {
      EXPECT_THAT(std::string(proven.status().message()), Not(HasSubstr(token.substr(token.size() - 20))));
    }
    return proven;
  }
  void ExpectRefused(const std::string& token, const std::string& said) const {
    const auto proven = Prove(token);
    EXPECT_THAT(proven, HasReason(Reason::kCredentialsInvalid));
    EXPECT_THAT(std::string(proven.status().message()), HasSubstr(said));
  }

  const TokenMaker rsa_{"RS256"};
  const TokenMaker ec_{"ES256"};
  const TokenMaker ed_{"EdDSA"};
  std::unique_ptr<Jwks> keys_;
};

TEST_F(JwtTest, EachOfTheThreeAlgorithmsProves) {
  for (const auto& token : {rsa_.Token("r", Claims()), ec_.Token("e", Claims()), ed_.Token("d", Claims())}) {
    const auto proven = Prove(token);
    ASSERT_THAT(proven, IsOk());
    EXPECT_EQ(proven->identity->name, "ada");
    EXPECT_TRUE(proven->identity->roles.Has(Role::kReader));
    EXPECT_FALSE(proven->identity->roles.Has(Role::kWriter));
    EXPECT_EQ(proven->expires, 1'800'000'130 * domain::kMicrosPerSecond);
  }
}

// Signed by others: RFC 8037 A.4 and RFC 7515 A.3.
TEST(Jwks, ChecksTheExamplesOfTheStandards) {
  const auto keys = Jwks::Parse(JwksOf(
      R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})"));
  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ(
      *keys->Verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIb"
                    "QR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
                    TokenAlgorithm::kEdDsa, std::nullopt),
      "Example of Ed25519 signing");
  EXPECT_THAT(
      keys->Verify("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
                   "bS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJ"
                   "qPP3-Kg6NU1Q",
                   TokenAlgorithm::kEs256, std::nullopt),
      IsOk());
}

TEST_F(JwtTest, OtherAlgorithmsAreRefused) {
  const std::string none = Base64Url(R"({"alg":"none"})") + "." + Base64Url(Claims()) + ".";
  ExpectRefused(none, "RS256, ES256 or EdDSA");
  ExpectRefused(none + "eA", "RS256, ES256 or EdDSA");
  ExpectRefused(Base64Url(R"({"alg":"None","kid":"r"})") + "." + Base64Url(Claims()) + ".", "RS256, ES256 or EdDSA");
  for (const char* name : {"HS256", "HS512", "RS512", "PS256", "ES384", "ES256K", "rs256", ""}) {
    ExpectRefused(rsa_.Sign(std::string(R"({"alg":")") + name + R"(","kid":"r"})", Claims()), "RS256, ES256 or EdDSA");
  }
  ExpectRefused(rsa_.Sign(R"({"kid":"r"})", Claims()), "RS256, ES256 or EdDSA");
  ExpectRefused(rsa_.Sign(R"({"alg":["RS256"],"kid":"r"})", Claims()), "RS256, ES256 or EdDSA");
}

// The public key is no secret: whoever takes it for one could sign anything.
TEST_F(JwtTest, ThePublicKeyIsNoSecretForHs256) {
  for (const std::string& secret : {rsa_.Pem(), rsa_.Jwk("r"), ec_.Pem(), ed_.Jwk("d")}) {
    ExpectRefused(SignHs256(R"({"alg":"HS256","kid":"r"})", Claims(), secret), "RS256, ES256 or EdDSA");
    ExpectRefused(SignHs256(R"({"alg":"RS256","kid":"r"})", Claims(), secret), "signature");
    ExpectRefused(SignHs256(R"({"alg":"EdDSA","kid":"d"})", Claims(), secret), "signature");
  }
}

TEST_F(JwtTest, ASignatureThatIsNotGood) {
  for (const TokenMaker* maker : {&rsa_, &ec_, &ed_}) {
    const std::string kid = maker == &rsa_ ? "r" : maker == &ec_ ? "e" : "d";
    const std::string good = maker->Token(kid, Claims());
    const auto dot = good.rfind('.');
    std::string changed = good;
    changed[dot + 10] = changed[dot + 10] == 'A' ? 'B' : 'A';
    ExpectRefused(changed, "signature");
    ExpectRefused(good.substr(0, dot + 1), "signature");
    ExpectRefused(good.substr(0, good.size() - 8), "");
    // Other claims below the same signature.
    const std::string other = Base64Url(Claims("reader", "admin"));
    ExpectRefused(good.substr(0, good.find('.') + 1) + other + good.substr(dot), "signature");
  }
  const TokenMaker stranger("EdDSA");
  ExpectRefused(stranger.Token("d", Claims()), "signature");
}

// The library reads over what is no base64url, and bits to spare; the bytes would be those that were signed.
TEST_F(JwtTest, AnotherSpellingThanTheOneThatWasSigned) {
  const std::string good = ed_.Token("d", Claims());
  ASSERT_THAT(Prove(good), IsOk());
  const auto payload = good.find('.') + 1;
  const auto signature = good.rfind('.') + 1;
  for (const auto at : {std::size_t{5}, payload + 5, signature + 5}) {
    for (const char* more : {" ", "\t\t", "\n", "=", "*"}) {
      ExpectRefused(std::string(good).insert(at, more), "neither a key nor a signed token");
    }
  }
  for (const auto end : {payload - 1, signature - 1, good.size()}) {
    ExpectRefused(std::string(good).insert(end, "="), "neither a key nor a signed token");
  }
  // 64 bytes are 86 characters, the last of which has four bits to spare.
  std::string spare = good;
  ASSERT_EQ(spare.size() - signature, 86U);
  spare.back() = static_cast<char>(spare.back() + 1);
  ExpectRefused(spare, "neither a key nor a signed token");
}

TEST_F(JwtTest, TheKidHasToBeKnownAndOfTheAlgorithm) {
  ExpectRefused(ed_.Token("x", Claims()), "does not have");
  ExpectRefused(ed_.Sign(R"({"alg":"EdDSA","kid":"e"})", Claims()), "does not have");
  ExpectRefused(ed_.Sign(R"({"alg":"EdDSA","kid":""})", Claims()), "does not have");
  ExpectRefused(ed_.Sign(R"({"alg":"EdDSA","kid":7})", Claims()), "kid");
  // Without one: only where there is no choice.
  EXPECT_THAT(Prove(ed_.Token("", Claims())), IsOk());
  const TokenMaker second("EdDSA");
  keys_ = std::make_unique<Jwks>(*Jwks::Parse(JwksOf(ed_.Jwk("d") + "," + second.Jwk("s"))));
  EXPECT_THAT(Prove(second.Token("s", Claims())), IsOk());
  ExpectRefused(ed_.Token("s", Claims()), "signature");
  ExpectRefused(ed_.Token("", Claims()), "several");
}

// What the token says about how to check it is not believed.
TEST_F(JwtTest, AKeyThatTheTokenBringsIsNotTaken) {
  const TokenMaker stranger("EdDSA");
  for (const std::string& more :
       {R"("jwk":)" + stranger.Jwk("d"), std::string(R"("jku":"http://127.0.0.1:1/keys")"),
        std::string(R"("x5u":"http://127.0.0.1:1/c")"), std::string(R"("x5c":["MII"])"),
        std::string(R"("crit":["exp"],"exp":1)"), std::string(R"("zip":"DEF")"), std::string(R"("b64":false)")}) {
    ExpectRefused(stranger.Sign(R"({"alg":"EdDSA","kid":"d",)" + more + "}", Claims()), "header");
    ExpectRefused(ed_.Sign(R"({"alg":"EdDSA","kid":"d",)" + more + "}", Claims()), "header");
  }
}

TEST_F(JwtTest, IssuerAndAudienceHaveToBeRight) {
  const auto token = [&](const std::string& changed, const std::string& by) {
    return ed_.Token("d", Claims(changed, by));
  };
  const std::string iss = R"("iss":"https://id.example.com",)";
  ExpectRefused(token(iss, R"("iss":"https://id.example.com/",)"), "issuer");
  ExpectRefused(token(iss, R"("iss":["https://id.example.com"],)"), "issuer");
  ExpectRefused(token(iss, ""), "issuer");
  const std::string aud = R"("aud":"eventstore",)";
  ExpectRefused(token(aud, R"("aud":"eventstore2",)"), "audience");
  ExpectRefused(token(aud, R"("aud":[],)"), "audience");
  ExpectRefused(token(aud, R"("aud":{"eventstore":1},)"), "audience");
  ExpectRefused(token(aud, ""), "audience");
  EXPECT_THAT(Prove(token(aud, R"("aud":["x","eventstore"],)")), IsOk());
}

TEST_F(JwtTest, TimesAreCheckedWithTheSkew) {
  const std::string token = ed_.Token("d", Claims());
  const auto at = [](std::int64_t second) { return second * domain::kMicrosPerSecond; };
  EXPECT_THAT(Prove(token, at(1'800'000'129)), IsOk());
  EXPECT_THAT(Prove(token, at(1'800'000'130)), HasReason(Reason::kCredentialsExpired));
  EXPECT_THAT(Prove(token, at(1'799'998'970)), IsOk());
  EXPECT_THAT(Prove(token, at(1'799'998'969)), HasReason(Reason::kCredentialsInvalid));
  const std::string exp = R"("exp":1800000100,)";
  ExpectRefused(ed_.Token("d", Claims(exp, R"("exp":1800000100,"nbf":1800000031,)")), "not valid yet");
  EXPECT_THAT(Prove(ed_.Token("d", Claims(exp, R"("exp":1800000100,"nbf":1800000030,)"))), IsOk());
  EXPECT_THAT(Prove(ed_.Token("d", Claims(exp, R"("exp":1800000100.5,)"))), IsOk());
  for (const char* bad :
       {R"("exp":"1800000100",)", R"("exp":1e300,)", R"("exp":-1,)", R"("exp":null,)", R"("exp":true,)"}) {
    ExpectRefused(ed_.Token("d", Claims(exp, bad)), "exp");
  }
  ExpectRefused(ed_.Token("d", Claims(exp, "")), "no exp");
}

TEST_F(JwtTest, RightsAreThoseOfTheClaim) {
  const auto token = [&](const std::string& rights) {
    return ed_.Token("d", Claims(R"("eventstore":{"roles":["reader"]})", rights));
  };
  const auto own =
      Prove(token(R"("eventstore":{"roles":["reader","writer"],"own_user_id":true,"event_types":["order.*"]})"));
  ASSERT_THAT(own, IsOk());
  EXPECT_THAT(own->identity->limits.user_ids, ElementsAre("ada"));
  EXPECT_THAT(own->identity->limits.event_type_prefixes, ElementsAre("order."));
  EXPECT_THAT(Prove(token(R"("eventstore":{"roles":"admin"})")), IsOk());
  for (const char* bad : {
           R"("x":1)",
           R"("eventstore":"reader")",
           R"("eventstore":{})",
           R"("eventstore":{"roles":[]})",
           R"("eventstore":{"roles":["root"]})",
           R"("eventstore":{"roles":[1]})",
           R"("eventstore":{"roles":["reader"],"user_id":["ada"]})",
           R"("eventstore":{"roles":["reader"],"user_ids":[]})",
           R"("eventstore":{"roles":["reader"],"own_user_id":"yes"})",
           R"("eventstore":{"roles":["reader"],"own_user_id":true,"user_ids":["bob"]})",
           R"("eventstore":{"roles":["reader"]},"eventstore":{"roles":["admin"]})",
       }) {
    EXPECT_THAT(Prove(token(bad)), HasReason(Reason::kCredentialsInvalid)) << bad;
  }
  ExpectRefused(ed_.Token("d", Claims(R"("sub":"ada",)", "")), "sub");
  ExpectRefused(ed_.Token("d", Claims(R"("sub":"ada",)", R"("sub":"a\nb",)")), "name");
}

TEST_F(JwtTest, WhatIsNoToken) {
  ExpectRefused("", "neither");
  ExpectRefused("..", "neither");
  ExpectRefused("a.b", "neither");
  ExpectRefused("a.b.c.d.e", "neither");
  ExpectRefused("{}", "neither");
  ExpectRefused(Base64Url("[]") + ".e30.x", "neither");
  ExpectRefused(Base64Url(R"({"alg":"EdDSA","alg":"none"})") + ".e30.x", "neither");
  ExpectRefused(std::string(kMaxTokenBytes + 1, 'a'), "bytes");
  ExpectRefused(ed_.Token("d", Claims("reader", std::string(kMaxTokenBytes, 'x'))), "bytes");
  ExpectRefused(ed_.Token("d", "[]"), "claims");
  ExpectRefused(ed_.Token("d", "no json"), "claims");
  ExpectRefused(ed_.Token("d", std::string(3000, '[')), "claims");
}

TEST(Jwks, WhatIsRefusedAndWhatPassedOver) {
  const TokenMaker ed("EdDSA");
  const TokenMaker weak("RS256", 1024);
  for (const std::string& bad :
       {std::string(), std::string("{}"), ed.Pem(), JwksOf(""), JwksOf(weak.Jwk("w")),
        JwksOf(R"({"kty":"oct","k":"c2VjcmV0"})"), JwksOf(ed.Jwk("a", R"(,"d":"c2VjcmV0")")),
        JwksOf(ed.Jwk("a") + "," + ed.Jwk("a")), JwksOf(R"({"kty":"OKP","crv":"Ed25519","x":"AA"})"),
        JwksOf(R"({"kty":"EC","crv":"P-256","x":"AA"})"), JwksOf(ed.Jwk("a", R"(,"use":"enc")")),
        JwksOf(ed.Jwk("a", R"(,"alg":"ES256")"))}) {
    EXPECT_THAT(Jwks::Parse(bad), HasReason(Reason::kInvalidRequest)) << bad;
  }
  const auto keys =
      Jwks::Parse(JwksOf(R"({"kty":"EC","crv":"P-384","x":"a","y":"b"},{"kty":"X"},7,)" +
                         ed.Jwk("a", R"(,"use":"sig","alg":"EdDSA","x5u":"http://127.0.0.1:1/","other":[1])")));
  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ(keys->keys(), 1U);
}

TEST_F(JwtTest, ATokenIsRememberedUntilItExpiresOrTheKeysChange) {
  TokenCache cache;
  const auto keys = std::make_shared<const Jwks>(*keys_);
  const auto others = std::make_shared<const Jwks>(*keys_);
  const std::string token = ed_.Token("d", Claims());
  const auto proven = Prove(token);
  ASSERT_THAT(proven, IsOk());
  const KeyHash hash = HashOf(token);
  EXPECT_EQ(cache.Find(hash, keys, kNow), nullptr);
  cache.Keep(hash, keys, *proven);
  EXPECT_EQ(cache.Find(hash, keys, kNow), proven->identity);
  EXPECT_EQ(cache.Find(HashOf(token + "x"), keys, kNow), nullptr);
  EXPECT_EQ(cache.Find(hash, others, kNow), nullptr);
  EXPECT_EQ(cache.Find(hash, keys, proven->expires), nullptr);
  EXPECT_EQ(cache.Find(hash, keys, kNow), nullptr);
}

}  // namespace
}  // namespace eventstore::security
