#include "server/security/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/domain/error.h"
#include "tests/support/status_matchers.h"

namespace eventstore::security {
namespace {

using domain::Reason;
using eventstore::testing::HasReason;
using eventstore::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Entry(const std::string& name, const std::string& key, const std::string& more = "") {
  return "[[identity]]\nname = \"" + name + "\"\nkey_sha256 = \"" + HexOf(HashOf(key)) + "\"\nroles = [\"reader\"]\n" +
         more;
}

TEST(ApiKey, EachIsAnotherAndKnownByItsHash) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) {
    const auto key = MakeKey();
    ASSERT_TRUE(key);
    EXPECT_EQ(key->size(), kKeyPrefix.size() + 64);
    EXPECT_TRUE(key->starts_with(kKeyPrefix));
    keys.insert(*key);
  }
  EXPECT_EQ(keys.size(), 100U);
  // As sha256sum says it.
  EXPECT_EQ(HexOf(HashOf("esk_test")), "c8542b0506f71bf5a7a01e6f8429318cb6eb4defb8d6a5abb7617fff2b8ea33a");
  EXPECT_EQ(ParseHash(HexOf(HashOf("x"))), HashOf("x"));
  EXPECT_EQ(ParseHash(HexOf(HashOf("x")).substr(1)), std::nullopt);
  EXPECT_EQ(ParseHash(std::string(64, 'g')), std::nullopt);
}

TEST(KeyFile, FindsWhoHasAKeyOrACertificate) {
  const auto file =
      KeyFile::Parse(Entry("a", "key-a") + Entry("b", "key-b", "certificate = [\"b.internal\", \"b2\"]\n") +
                     "[[identity]]\nname = \"c\"\ncertificate = \"c.internal\"\nroles = \"admin\"\n");
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->FindKey("key-a")->name, "a");
  EXPECT_EQ(file->FindKey("key-b")->name, "b");
  EXPECT_EQ(file->FindKey("key-c"), nullptr);
  EXPECT_EQ(file->FindKey(""), nullptr);
  EXPECT_EQ(file->FindKey(HexOf(HashOf("key-a"))), nullptr);
  EXPECT_EQ(file->FindCertificate({"x", "c.internal"})->name, "c");
  EXPECT_EQ(file->FindCertificate({"b2"})->name, "b");
  EXPECT_EQ(file->FindCertificate({"key-a"}), nullptr);
  ASSERT_EQ(file->listed().size(), 3U);
  EXPECT_THAT(file->listed()[1].certificates, ElementsAre("b.internal", "b2"));
}

TEST(KeyFile, SeveralKeysOfOneAreForChangingThem) {
  const std::string two = "[[identity]]\nname = \"a\"\nroles = [\"writer\"]\nkey_sha256 = [\"" + HexOf(HashOf("old")) +
                          "\", \"" + HexOf(HashOf("new")) + "\"]\n";
  const auto file = KeyFile::Parse(two);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->FindKey("old"), file->FindKey("new"));
}

TEST(KeyFile, WhatIsWrongIsSaidByItsLineAndNeverByItsText) {
  const std::string key = "esk_0123456789012345678901234567890123456789012345678901234567890123";
  const struct {
    std::string text;
    std::string said;
  } cases[] = {
      {"", "no [[identity]]"},
      {"identity = []", "no [[identity]]"},
      {"identity = [1]", "has to be a table"},
      {"[identity]\nname = \"x\"", "no [[identity]]"},
      {"[[identity]\n" + key, "line 1: this is not TOML"},
      {"[[key]]\nname = \"x\"", "only [[identity]]"},
      {Entry("a", "k", "role = [\"admin\"]\n"), "line 5: there is no 'role'"},
      {Entry("a", "k", "user_ids = []\n"), "user_ids"},
      {Entry("a", "k", "user_ids = [1]\n"), "line 5: user_ids takes texts only"},
      {Entry("a", "k", "user_ids = {x = 1}\n"), "user_ids takes a text"},
      {Entry("a", "k") + Entry("a", "l"), "'a' comes twice"},
      {Entry("a", "k") + Entry("b", "k"), "key of 'b' comes twice"},
      {"[[identity]]\nname = \"a\"\nroles = [\"reader\"]\n", "neither key_sha256 nor certificate"},
      {"[[identity]]\nname = \"a\"\nroles = [\"reader\"]\nkey_sha256 = \"" + key + "\"\n", "line 4: key_sha256 is not"},
      {"[[identity]]\nname = \"a\"\nroles = [\"root\"]\nkey_sha256 = \"" + HexOf(HashOf("k")) + "\"\n", "roles[0]"},
      {Entry("a", "k", "certificate = \"\"\n"), "certificate is empty"},
      {Entry("a", "k", "certificate = \"x\"\n") + Entry("b", "l", "certificate = \"x\"\n"), "certificate name of 'b'"},
  };
  for (const auto& one : cases) {
    const auto file = KeyFile::Parse(one.text);
    EXPECT_THAT(file, HasReason(Reason::kInvalidRequest)) << one.text;
    EXPECT_THAT(std::string(file.status().message()), HasSubstr(one.said));
    EXPECT_THAT(std::string(file.status().message()), Not(HasSubstr("0123456789")));
  }
}

}  // namespace
}  // namespace eventstore::security
