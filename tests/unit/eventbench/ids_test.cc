#include "tools/eventbench/load/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace eventstore::eventbench {
namespace {

TEST(IdsTest, TextAndBack) {
  const std::string text = "0193b2c0-1234-7abc-9def-00112233aaff";
  const auto id = ParseId(text);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(TextOf(id.value()), text);
  EXPECT_EQ(ParseId("0193B2C0-1234-7ABC-9DEF-00112233AAFF"), id);
}

TEST(IdsTest, WhatIsNoUuidIsRefused) {
  EXPECT_FALSE(ParseId(""));
  EXPECT_FALSE(ParseId("0193b2c0-1234-7abc-9def-00112233aaf"));
  EXPECT_FALSE(ParseId("0193b2c0-1234-7abc-9def-00112233aafff"));
  EXPECT_FALSE(ParseId("0193b2c0-1234-7abc-9def-00112233aafg"));
  EXPECT_FALSE(ParseId("0193b2c001234-7abc-9def-00112233aaff"));
}

TEST(IdsTest, EventIdsAreOfVersionSevenAndGoUp) {
  EventIds ids(1);
  std::string before;
  // More of one millisecond than a counter of 12 bits holds, then a clock that runs back.
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = TextOf(ids.Make(i < 9'000 ? 1'700'000'000'000 : 1'600'000'000'000));
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
    EXPECT_LT(before, text);
    before = text;
  }
}

TEST(IdsTest, MakersWithDifferentSeedsNeverMakeTheSame) {
  EventIds one(1);
  EventIds other(2);
  std::set<Id> seen;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(seen.insert(one.Make(5)).second);
    EXPECT_TRUE(seen.insert(other.Make(5)).second);
  }
}

TEST(IdsTest, DerivedIdsAreAlwaysTheSameAndAllDifferent) {
  EXPECT_EQ(DerivedId(3, 4), DerivedId(3, 4));
  std::set<Id> seen;
  for (std::uint64_t family = 0; family < 10; ++family) {
    for (std::uint64_t index = 0; index < 1'000; ++index) EXPECT_TRUE(seen.insert(DerivedId(family, index)).second);
  }
  EXPECT_EQ(TextOf(DerivedId(3, 4))[14], '8');
}

}  // namespace
}  // namespace eventstore::eventbench
