#include "server/security/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "server/domain/error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/security/token_maker.h"

namespace eventstore::security {
namespace {

using domain::Reason;
using eventstore::testing::HasReason;
using eventstore::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Entry(const std::string& name, const std::string& key, const std::string& more = "") {
  return "[[identity]]\nname = \"" + name + "\"\nkey_sha256 = \"" + HexOf(HashOf(key)) + "\"\nroles = [\"reader\"]\n" +
         more;
}

// Reads its file when told to.
class RereadTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) const { std::ofstream(path_) << text; }

  std::unique_ptr<RereadFile> Make() {
    RereadFile::Options options;
    options.path = path_;
    options.max_bytes = 100;
    options.interval = std::chrono::hours{1};
    options.take = [this](const std::string& text) {
      if (text.starts_with("bad")) return domain::ErrorOf(Reason::kInvalidRequest, "it is bad");
      taken_.push_back(text);
      return absl::OkStatus();
    };
    options.say = [this](const std::string& text) { said_.push_back(text); };
    options.warn = [this](const std::string& text) { warned_.push_back(text); };
    return std::make_unique<RereadFile>(options);
  }

  testing::TempDir folder_;
  const std::string path_ = folder_.path() + "/file";
  std::vector<std::string> taken_, said_, warned_;
};

TEST_F(RereadTest, EachChangeIsTakenOnceAndABadOneIsNot) {
  Write("one");
  const auto file = Make();
  ASSERT_THAT(file->Start(), IsOk());
  file->Look();
  EXPECT_THAT(taken_, ::testing::ElementsAre("one"));
  Write("two");
  file->Look();
  file->Look();
  EXPECT_THAT(taken_, ::testing::ElementsAre("one", "two"));
  EXPECT_THAT(said_, SizeIs(1));
  Write("bad one");
  file->Look();
  file->Look();
  EXPECT_THAT(warned_, ::testing::ElementsAre(::testing::AllOf(HasSubstr("it is bad"), HasSubstr(path_))));
  std::filesystem::remove(path_);
  file->Look();
  file->Look();
  ASSERT_THAT(warned_, SizeIs(2));
  EXPECT_THAT(warned_.back(), HasSubstr("cannot be read"));
  Write("two");
  file->Look();
  EXPECT_THAT(taken_, ::testing::ElementsAre("one", "two", "two"));
  Write(std::string(101, 'x'));
  file->Look();
  ASSERT_THAT(warned_, SizeIs(3));
  EXPECT_THAT(warned_.back(), HasSubstr("more than 100 bytes"));
}

TEST_F(RereadTest, TheFirstReadingHasToBeGood) {
  EXPECT_THAT(Make()->Start(), HasReason(Reason::kInvalidRequest));
  Write("bad");
  EXPECT_THAT(Make()->Start(), HasReason(Reason::kInvalidRequest));
}

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    options_.key_file = folder_.path() + "/keys.toml";
    options_.reread_interval = std::chrono::hours{1};
    options_.say = options_.warn = [](const std::string&) {};
    std::ofstream(options_.key_file) << Entry("orders", "esk_a", "certificate = \"orders.internal\"\n");
  }

  absl::StatusOr<IdentityPtr> Identify(const std::string& authorization) {
    if (!authenticator_) authenticator_ = *Authenticator::Start(options_, clock_);
    Credentials credentials;
    credentials.authorization = authorization;
    return authenticator_->Identify(credentials);
  }

  testing::TempDir folder_;
  testing::FakeClock clock_;
  AuthenticatorOptions options_;
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(AuthenticatorTest, ABearerGoesBeforeACertificate) {
  EXPECT_EQ((*Identify("Bearer esk_a"))->name, "orders");
  EXPECT_EQ((*Identify("bearer esk_a"))->name, "orders");
  for (const char* bad :
       {"", "Bearer", "Bearer ", "esk_a", "Basic esk_a", "Bearer  esk_a", "Bearer esk_a ", "Bearer esk_A"}) {
    EXPECT_THAT(Identify(bad), HasReason(Reason::kCredentialsInvalid)) << bad;
  }
  Credentials credentials;
  EXPECT_THAT(authenticator_->Identify(credentials), HasReason(Reason::kCredentialsMissing));
  credentials.certificate_names = {"orders.internal"};
  EXPECT_EQ((*authenticator_->Identify(credentials))->name, "orders");
  credentials.certificate_names = {"others.internal"};
  EXPECT_THAT(authenticator_->Identify(credentials), HasReason(Reason::kCredentialsInvalid));
  credentials.certificate_names = {"orders.internal"};
  credentials.authorization = "Bearer esk_b";
  EXPECT_THAT(authenticator_->Identify(credentials), HasReason(Reason::kCredentialsInvalid));
  credentials.ambiguous = true;
  credentials.authorization = "Bearer esk_a";
  EXPECT_THAT(authenticator_->Identify(credentials), HasReason(Reason::kCredentialsInvalid));
}

TEST_F(AuthenticatorTest, TokensAreTakenOnlyWithAJwksAnIssuerAndAnAudience) {
  const TokenMaker ed("EdDSA");
  const std::string token = "Bearer " + ed.Token("d", R"({"iss":"i","aud":"a","sub":"ada","exp":4102444800,)"
                                                      R"("eventstore":{"roles":["reader"]}})");
  EXPECT_THAT(Identify(token), HasReason(Reason::kCredentialsInvalid));
  authenticator_.reset();
  options_.jwks_file = folder_.path() + "/jwks.json";
  std::ofstream(options_.jwks_file) << JwksOf(ed.Jwk("d"));
  EXPECT_THAT(Authenticator::Start(options_, clock_), HasReason(Reason::kInvalidRequest));
  options_.tokens.issuer = "i";
  EXPECT_THAT(Authenticator::Start(options_, clock_), HasReason(Reason::kInvalidRequest));
  options_.tokens.audience = "a";
  EXPECT_EQ((*Identify(token))->name, "ada");
  EXPECT_EQ((*Identify(token))->name, "ada");
  EXPECT_EQ((*Identify("Bearer esk_a"))->name, "orders");
  options_.key_file.clear();
  authenticator_.reset();
  EXPECT_EQ((*Identify(token))->name, "ada");
  EXPECT_THAT(Identify("Bearer esk_a"), HasReason(Reason::kCredentialsInvalid));
}

}  // namespace
}  // namespace eventstore::security
