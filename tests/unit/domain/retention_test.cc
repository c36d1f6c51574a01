#include "server/domain/retention.h"

#include "gmock/gmock.h"
#include "server/domain/error.h"
#include "tests/support/status_matchers.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::Pair;
using Kind = RetentionStep::Kind;

constexpr TimeMicros kNow = 20'000 * kMicrosPerDay;

// The chunk of the day that ended `ended` days ago.
ChunkFacts Day(int ended, std::vector<std::string> types = {}) {
  return {{kNow - (ended + 1) * kMicrosPerDay, kNow - ended * kMicrosPerDay}, true, 0, std::move(types)};
}

std::vector<Kind> Kinds(const std::vector<ChunkFacts>& chunks, const RetentionRules& rules, TimeMicros now = kNow) {
  std::vector<Kind> kinds;
  for (const auto& step : PlanRetention(chunks, rules, now)) kinds.push_back(step.kind);
  return kinds;
}

TEST(Retention, IsOffUnlessThereIsARule) {
  EXPECT_TRUE(RetentionRules{}.off());
  EXPECT_TRUE((RetentionRules{0, {{"audit", 0}}}.off()));
  EXPECT_FALSE((RetentionRules{90, {}}.off()));
  EXPECT_FALSE((RetentionRules{0, {{"session", 30}}}.off()));
  EXPECT_THAT(Kinds({Day(40'000)}, {}), ElementsAre(Kind::kKeep));
}

TEST(Retention, AChunkIsOverWhenItsEndIs) {
  const RetentionRules rules{90, {}};
  EXPECT_THAT(Kinds({Day(90), Day(89)}, rules), ElementsAre(Kind::kDrop, Kind::kKeep));
  EXPECT_THAT(Kinds({Day(90)}, rules, kNow - 1), ElementsAre(Kind::kKeep));
}

TEST(Retention, WhatIsNotClosedOrIsHeldWaitsWithAllYoungerOnes) {
  const RetentionRules rules{90, {}};
  auto open = Day(99);
  open.closed = false;
  EXPECT_THAT(Kinds({Day(100), open, Day(98), Day(10)}, rules),
              ElementsAre(Kind::kDrop, Kind::kWait, Kind::kWait, Kind::kKeep));
  auto held = Day(99);
  held.held_until = kNow + 1;
  EXPECT_THAT(Kinds({held, Day(98)}, rules), ElementsAre(Kind::kWait, Kind::kWait));
  held.held_until = kNow;
  EXPECT_THAT(Kinds({held, Day(98)}, rules), ElementsAre(Kind::kDrop, Kind::kDrop));
  EXPECT_THAT(PlanRetention({open}, rules, kNow).front().reason, HasSubstr("closed"));
}

TEST(Retention, TypesHaveTheirOwnDays) {
  const RetentionRules rules{90, {{"session", 30}, {"audit", 0}}};
  EXPECT_EQ(rules.FewestDays(), 30);
  EXPECT_EQ(rules.DaysOf("order"), 90);
  const auto steps =
      PlanRetention({Day(100, {"audit", "order", "session"}), Day(95, {"order", "session"}),
                     Day(50, {"order", "session"}), Day(40, {"audit"}), Day(35, {"session"}), Day(29, {"session"})},
                    rules, kNow);
  EXPECT_EQ(steps[0].kind, Kind::kThin);
  EXPECT_THAT(steps[0].types, ElementsAre("order", "session"));
  EXPECT_EQ(steps[1].kind, Kind::kDrop);
  EXPECT_EQ(steps[2].kind, Kind::kThin);
  EXPECT_THAT(steps[2].types, ElementsAre("session"));
  EXPECT_EQ(steps[3].kind, Kind::kKeep);
  EXPECT_EQ(steps[4].kind, Kind::kDrop);
  EXPECT_EQ(steps[5].kind, Kind::kKeep);
}

TEST(Retention, AnEmptyChunkGoesWhenEveryRuleIsOver) {
  EXPECT_THAT(Kinds({Day(100)}, {90, {{"session", 30}}}), ElementsAre(Kind::kDrop));
  EXPECT_THAT(Kinds({Day(100)}, {90, {{"audit", 365}}}), ElementsAre(Kind::kKeep));
  EXPECT_THAT(Kinds({Day(100)}, {0, {{"session", 30}}}), ElementsAre(Kind::kKeep));
}

TEST(Retention, RulesAreReadAsTheyAreWritten) {
  auto rules = ParseRetentionByType(" session = 30, audit=3650 ,a=b=0");
  ASSERT_THAT(rules, IsOk());
  EXPECT_THAT(*rules, ElementsAre(Pair("a=b", 0), Pair("audit", 3650), Pair("session", 30)));
  auto none = ParseRetentionByType("  ");
  ASSERT_THAT(none, IsOk());
  EXPECT_THAT(*none, IsEmpty());
  for (const char* bad : {"session", "=3", "session=", "session=x", "session=-1", "session=3d", "session=36501",
                          "session=99999999999", "a=1,", "a=1,,b=2", "a=1,a=2", ","}) {
    EXPECT_THAT(ParseRetentionByType(bad), HasReason(Reason::kInvalidRequest)) << bad;
  }
}

}  // namespace
}  // namespace eventstore::domain
