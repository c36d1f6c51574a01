#include "server/erasure/cipher.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/store/batches.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace eventstore::erasure {
namespace {

using ::eventstore::testing::HasMessage;
using ::eventstore::testing::Id;
using ::eventstore::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

SecretKey Secret(std::uint8_t byte) {
  KeyBytes bytes{};
  bytes.fill(byte);
  return SecretKey(bytes);
}

MasterKey Master(char digit) {
  auto key = MasterKey::Parse(std::string(64, digit));
  EXPECT_THAT(key, IsOk());
  return *std::move(key);
}

TEST(SubjectKey, OpensWhatItSealedInItsPlaceAlone) {
  const SubjectKey key(Id(1), Secret(7));
  for (const std::string& value : {std::string(), std::string("\"ada@example.org\""), std::string(1 << 20, 'x')}) {
    const auto envelope = key.Seal(value, "here");
    EXPECT_EQ(envelope.key_id, Id(1));
    EXPECT_EQ(envelope.nonce.size(), domain::erasure::kNonceBytes);
    EXPECT_EQ(envelope.sealed.size(), value.size() + domain::erasure::kTagBytes);
    EXPECT_EQ(key.Open(envelope, "here"), value);
    EXPECT_EQ(key.Open(envelope, "there"), std::nullopt);
    EXPECT_EQ(SubjectKey(Id(1), Secret(8)).Open(envelope, "here"), std::nullopt);
  }
}

TEST(SubjectKey, EveryBitCounts) {
  const SubjectKey key(Id(1), Secret(7));
  const auto good = key.Seal("\"ada\"", "here");
  for (std::size_t i = 0; i < good.sealed.size() * 8; ++i) {
    auto bad = good;
    bad.sealed[i / 8] = static_cast<char>(bad.sealed[i / 8] ^ 1 << i % 8);
    EXPECT_EQ(key.Open(bad, "here"), std::nullopt) << i;
  }
  for (std::size_t i = 0; i < good.nonce.size() * 8; ++i) {
    auto bad = good;
    bad.nonce[i / 8] = static_cast<char>(bad.nonce[i / 8] ^ 1 << i % 8);
    EXPECT_EQ(key.Open(bad, "here"), std::nullopt) << i;
  }
}

TEST(SubjectKey, TheSameValueInTheSamePlaceIsTheSameTextAndNowhereElse) {
  const SubjectKey key(Id(1), Secret(7));
  const auto one = key.Seal("\"ada\"", "here");
  EXPECT_EQ(one, key.Seal("\"ada\"", "here"));
  // Equal values in two places cannot be told to be equal.
  const auto other = key.Seal("\"ada\"", "there");
  EXPECT_NE(one.nonce, other.nonce);
  EXPECT_NE(one.sealed.substr(0, 5), other.sealed.substr(0, 5));
  EXPECT_NE(one.nonce, key.Seal("\"bob\"", "here").nonce);
  // What it is bound to and the value are two things, wherever one ends.
  EXPECT_NE(key.Seal("b\nc", "a").nonce, key.Seal("c", "a\nb").nonce);
}

TEST(MasterKey, UnwrapsWhatItWrappedForThatSubjectAlone) {
  const MasterKey master = Master('a');
  const std::string wrapped = master.Wrap(Secret(7), Id(1), "ada");
  const auto unwrapped = master.Unwrap(wrapped, Id(1), "ada");
  ASSERT_TRUE(unwrapped);
  EXPECT_EQ(unwrapped->bytes(), Secret(7).bytes());
  EXPECT_FALSE(master.Unwrap(wrapped, Id(1), "bob"));
  EXPECT_FALSE(master.Unwrap(wrapped, Id(2), "ada"));
  EXPECT_FALSE(Master('b').Unwrap(wrapped, Id(1), "ada"));
  EXPECT_FALSE(master.Unwrap(wrapped.substr(2), Id(1), "ada"));
  EXPECT_FALSE(master.Unwrap("", Id(1), "ada"));
  EXPECT_FALSE(master.Unwrap("zz", Id(1), "ada"));
  EXPECT_NE(wrapped, master.Wrap(Secret(7), Id(1), "ada"));
  EXPECT_NE(Master('a').Fingerprint(), Master('b').Fingerprint());
  EXPECT_EQ(Master('a').Fingerprint(), Master('A').Fingerprint());
}

TEST(MasterKey, WhatIsNoKeyIsRefusedAndNotQuoted) {
  EXPECT_THAT(MasterKey::Parse("  " + std::string(64, 'c') + "\r\n"), IsOk());
  for (const std::string& wrong : {std::string(), std::string(" \n"), std::string(62, 'c'), std::string(66, 'c'),
                                   std::string(64, 'g'), std::string(32, 'c') + " " + std::string(31, 'c')}) {
    const auto key = MasterKey::Parse(wrong);
    EXPECT_FALSE(key.ok()) << wrong;
    EXPECT_THAT(key, HasMessage(Not(HasSubstr("cc"))));
  }
}

TEST(MasterKey, AFileThatOthersReadIsRefused) {
  const ::eventstore::testing::TempDir folder;
  const std::string path = folder.path() + "/master.key";
  EXPECT_THAT(MasterKey::Read(path), HasMessage(AllOf(HasSubstr(path), HasSubstr("No such file"))));
  std::ofstream(path) << std::string(64, 'd') << "\n";
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(MasterKey::Read(path), HasMessage(HasSubstr("chmod 600")));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  EXPECT_THAT(MasterKey::Read(path), IsOk());
}

}  // namespace
}  // namespace eventstore::erasure
