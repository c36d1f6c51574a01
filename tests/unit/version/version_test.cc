#include "server/version/version.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eventstore {
namespace {

using ::testing::MatchesRegex;

constexpr char kHash[] = "2c4307d0123456789abcdef0123456789abcdef0";

TEST(VersionLineTest, NamesTheCommit) {
  EXPECT_EQ(VersionLine("eventctl", {"1.2.3", kHash, false}), "eventctl 1.2.3 (commit 2c4307d01234)");
}

TEST(VersionLineTest, SaysThatFilesHadBeenChanged) {
  EXPECT_EQ(VersionLine("eventctl", {"1.2.3", kHash, true}), "eventctl 1.2.3 (commit 2c4307d01234, with changes)");
}

TEST(VersionLineTest, SaysThatThereWasNoGit) {
  EXPECT_EQ(VersionLine("eventctl", {"1.2.3", "", false}), "eventctl 1.2.3 (built outside of git)");
}

TEST(ShortCommitTest, HasTwelveDigits) {
  EXPECT_EQ(ShortCommit({"1.2.3", kHash, false}), "2c4307d01234");
  EXPECT_EQ(ShortCommit({"1.2.3", kHash, true}), "2c4307d01234+");
  EXPECT_EQ(ShortCommit({"1.2.3", "", false}), "unknown");
}

TEST(BuildVersionTest, IsThatOfThisBuild) {
  EXPECT_THAT(kBuildVersion.version, MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(kBuildVersion.commit, MatchesRegex("([0-9a-f]{40,64})?"));
}

}  // namespace
}  // namespace eventstore
