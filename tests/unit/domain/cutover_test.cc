// Which step of the move from a legacy table may be taken, by what is so.
#include "server/domain/cutover.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr TimeMicros kHour = 3'600 * kMicrosPerSecond;

// Everything is as it should be, at this stage.
MoveFacts Good(MoveStage stage) {
  MoveFacts facts;
  facts.stage = stage;
  facts.now = 1'000 * kHour;
  facts.installed_at = 900 * kHour;
  facts.check = {999 * kHour, true};
  return facts;
}

// The names of the conditions that do not hold.
std::vector<std::string> Broken(CutoverStep step, const MoveFacts& facts, const MoveLimits& limits = {}) {
  std::vector<std::string> names;
  for (const MoveCondition& condition : ConditionsOf(step, facts, limits)) {
    EXPECT_FALSE(condition.found.empty()) << condition.name;
    EXPECT_EQ(condition.next.empty(), condition.holds) << condition.name;
    if (!condition.holds) names.push_back(condition.name);
  }
  EXPECT_EQ(AllHold(ConditionsOf(step, facts, limits)), names.empty());
  return names;
}

TEST(Cutover, EachStageAllowsItsSteps) {
  struct Row {
    MoveStage stage;
    std::vector<CutoverStep> allowed;
  };
  using enum MoveStage;
  using enum CutoverStep;
  const std::vector<Row> rows = {{kNone, {}},
                                 {kLinked, {kCheck, kSwitch}},
                                 {kSwitched, {kCheck, kRollback, kDropLegacy}},
                                 {kClosing, {kDropLegacy}},
                                 {kDropped, {}}};
  for (const Row& row : rows) {
    std::vector<CutoverStep> allowed;
    for (const CutoverStep step : {kCheck, kSwitch, kRollback, kDropLegacy}) {
      if (AllHold(ConditionsOf(step, Good(row.stage), {}))) allowed.push_back(step);
    }
    EXPECT_EQ(allowed, row.allowed) << StageName(row.stage);
  }
}

TEST(Cutover, WhatStandsInTheWayIsNamed) {
  struct Row {
    std::string name;
    std::function<void(MoveFacts&)> breaks;
    std::vector<CutoverStep> of;  // the steps it stands in the way of
  };
  using enum CutoverStep;
  const std::vector<Row> rows = {
      {"checked", [](MoveFacts& facts) { facts.check.reset(); }, {kSwitch, kDropLegacy}},
      {"checked", [](MoveFacts& facts) { facts.check->clean = false; }, {kSwitch, kDropLegacy}},
      {"checked", [](MoveFacts& facts) { facts.check->at = facts.installed_at - 1; }, {kSwitch, kDropLegacy}},
      {"checked", [](MoveFacts& facts) { facts.check->at = facts.now - kMicrosPerDay - 1; }, {kSwitch}},
      {"lag", [](MoveFacts& facts) { facts.waiting_rows = 1; }, {kDropLegacy}},
      {"lag", [](MoveFacts& facts) { facts.waiting_rows = 10'001; }, {kSwitch, kDropLegacy}},
      {"refused", [](MoveFacts& facts) { facts.refused_rows = 1; }, {kSwitch, kDropLegacy}},
      {"types", [](MoveFacts& facts) { facts.held_rows = 1; }, {kSwitch, kRollback, kDropLegacy}},
      {"mirrored", [](MoveFacts& facts) { facts.failed_events = 1; }, {kSwitch, kRollback}},
      {"changes", [](MoveFacts& facts) { facts.changed_rows = 1; }, {kSwitch, kDropLegacy}},
      {"name", [](MoveFacts& facts) { facts.new_name_taken = true; }, {kSwitch}},
      {"view", [](MoveFacts& facts) { facts.view_in_place = false; }, {kRollback}},
      {"dependents", [](MoveFacts& facts) { facts.dependents = "view v"; }, {kDropLegacy}},
      {"quiet", [](MoveFacts& facts) { facts.last_old_write = facts.now - kHour; }, {kDropLegacy}},
  };
  for (const Row& row : rows) {
    for (const CutoverStep step : {kSwitch, kRollback, kDropLegacy}) {
      MoveFacts facts = Good(step == kSwitch ? MoveStage::kLinked : MoveStage::kSwitched);
      ASSERT_THAT(Broken(step, facts), IsEmpty());
      row.breaks(facts);
      if (std::find(row.of.begin(), row.of.end(), step) != row.of.end()) {
        EXPECT_THAT(Broken(step, facts), ElementsAre(row.name)) << StepName(step);
      } else {
        EXPECT_THAT(Broken(step, facts), IsEmpty()) << row.name << " and " << StepName(step);
      }
    }
  }
}

TEST(Cutover, LimitsHoldToTheLast) {
  MoveFacts facts = Good(MoveStage::kLinked);
  facts.waiting_rows = 10'000;
  facts.check->at = facts.now - kMicrosPerDay;
  EXPECT_THAT(Broken(CutoverStep::kSwitch, facts), IsEmpty());
  MoveLimits limits;
  limits.max_waiting_rows = 9'999;
  limits.max_check_age = kMicrosPerDay - 1;
  EXPECT_THAT(Broken(CutoverStep::kSwitch, facts, limits), ElementsAre("checked", "lag"));

  facts = Good(MoveStage::kSwitched);
  facts.last_old_write = facts.now - kMicrosPerDay;
  EXPECT_THAT(Broken(CutoverStep::kDropLegacy, facts), IsEmpty());
  limits.quiet = kMicrosPerDay + 1;
  EXPECT_THAT(Broken(CutoverStep::kDropLegacy, facts, limits), ElementsAre("quiet"));
}

TEST(Cutover, ChangesMayBeAccepted) {
  MoveFacts facts = Good(MoveStage::kLinked);
  facts.changed_rows = 7;
  MoveLimits limits;
  limits.accept_changes = true;
  EXPECT_THAT(Broken(CutoverStep::kSwitch, facts, limits), IsEmpty());
}

TEST(Cutover, NamesOfStagesAreReadBack) {
  for (const char* name : {"none", "linked", "switched", "closing", "dropped"}) {
    ASSERT_TRUE(StageOf(name)) << name;
    EXPECT_EQ(StageName(*StageOf(name)), name);
  }
  EXPECT_FALSE(StageOf("lost"));
  EXPECT_THAT(NextStepText(Good(MoveStage::kNone)), HasSubstr("dual-write install"));
}

}  // namespace
}  // namespace eventstore::domain
