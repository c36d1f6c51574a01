#include "server/domain/upkeep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "server/domain/error.h"

namespace eventstore::domain {
namespace {

using std::chrono::seconds;

constexpr TimeMicros kHour = 3'600 * kMicrosPerSecond;
constexpr TimeMicros kMinute = 60 * kMicrosPerSecond;
// 2026-11-21T00:00Z.
constexpr TimeMicros kDay = 20'778 * kMicrosPerDay;
constexpr TimeMicros kTwo = kDay + 2 * kHour;

TaskHistory Daily() {
  TaskHistory history;
  history.schedule = *Schedule::Parse("schedule", "0 2 * * *");
  history.known_since = kDay - kMicrosPerDay;
  return history;
}

NextRun Plan(const TaskHistory& history, TimeMicros now, bool starting = false) {
  return PlanNextRun(history, {}, now, starting).value_or(NextRun{.at = -1, .due_at = std::nullopt});
}

TEST(Upkeep, RunsByItsScheduleOnce) {
  TaskHistory history = Daily();
  history.served = kTwo - kMicrosPerDay;
  EXPECT_EQ(Plan(history, kDay).at, kTwo);
  EXPECT_EQ(Plan(history, kTwo + kHour).at, kTwo) << "missed, so due";
  EXPECT_EQ(Plan(history, kTwo).due_at, kTwo);
  history.served = kTwo;
  EXPECT_EQ(Plan(history, kTwo + kMinute).at, kTwo + kMicrosPerDay);
  // Another machine, whose clock is behind.
  EXPECT_EQ(Plan(history, kTwo - 2 * kMicrosPerSecond).at, kTwo + kMicrosPerDay);
}

TEST(Upkeep, AtTheStartRunsWhatNeverRanOrWasMissed) {
  TaskHistory history = Daily();
  EXPECT_EQ(Plan(history, kDay, true).at, kDay);
  EXPECT_EQ(Plan(history, kDay, true).trigger, RunTrigger::kStartup);
  EXPECT_EQ(Plan(history, kDay).at, kTwo - kMicrosPerDay) << "not at the start, by its schedule since it is known";
  history.served = kTwo - 2 * kMicrosPerDay;
  EXPECT_EQ(Plan(history, kDay, true).trigger, RunTrigger::kStartup);
  EXPECT_LE(Plan(history, kDay, true).at, kDay);
  history.served = kDay - kHour;
  EXPECT_EQ(Plan(history, kDay, true).at, kTwo);
  EXPECT_EQ(Plan(history, kDay, true).trigger, RunTrigger::kSchedule);
  history.always_at_start = true;
  EXPECT_EQ(Plan(history, kDay, true).at, kDay);
}

TEST(Upkeep, AFailureIsTriedAgainAfterAPauseAndThenWaitsForTheSchedule) {
  TaskHistory history = Daily();
  history.served = kTwo;
  history.failed_at = kTwo + kMinute;
  history.failures = 1;
  EXPECT_EQ(Plan(history, kTwo + kMinute).at, kTwo + 2 * kMinute);
  EXPECT_EQ(Plan(history, kTwo + kMinute).attempt, 2);
  history.failures = 3;
  EXPECT_EQ(Plan(history, kTwo + kMinute).at, kTwo + 5 * kMinute);
  history.failures = 6;
  EXPECT_EQ(Plan(history, kTwo + kMinute).at, kTwo + kMicrosPerDay);
  // The schedule comes first.
  history.failures = 5;
  history.failed_at = kTwo + kMicrosPerDay - kMinute;
  EXPECT_EQ(Plan(history, *history.failed_at).at, kTwo + kMicrosPerDay);
}

TEST(Upkeep, WhatWasInterruptedIsRepairedAtOnce) {
  TaskHistory history = Daily();
  history.interrupted = true;
  history.served = kTwo;
  EXPECT_EQ(Plan(history, kTwo + kMinute).at, kTwo + kMinute);
  EXPECT_EQ(Plan(history, kTwo + kMinute).trigger, RunTrigger::kRepair);
  history.enabled = false;
  EXPECT_EQ(PlanNextRun(history, {}, kTwo, true), std::nullopt);
}

TEST(Upkeep, AClockThatJumpedAheadAndBackLeavesNoRunOut) {
  TaskHistory history = Daily();
  // A run of tomorrow was made while the clock was a day ahead.
  history.served = kTwo + kMicrosPerDay;
  EXPECT_EQ(Plan(history, kDay).at, kTwo);
}

TEST(Upkeep, OverdueOnceTheGraceHasPassed) {
  const auto schedule = *Schedule::Parse("schedule", "0 2 * * *");
  const seconds grace{7'200};
  EXPECT_FALSE(IsOverdue(schedule, kTwo - kMicrosPerDay, grace, kTwo + 2 * kHour));
  EXPECT_TRUE(IsOverdue(schedule, kTwo - kMicrosPerDay, grace, kTwo + 2 * kHour + 1));
  EXPECT_FALSE(IsOverdue(schedule, kTwo, grace, kTwo + 20 * kHour));
  EXPECT_FALSE(IsOverdue(schedule, kTwo + 5 * kMicrosPerDay, grace, kTwo + kHour)) << "a success of the future";
}

RC_GTEST_PROP(UpkeepProperty, PausesGrowUpToALimitAndEnd, ()) {
  const RetryPolicy policy{seconds(*rc::gen::inRange(1, 1'000)), seconds(*rc::gen::inRange(1'000, 10'000)),
                           *rc::gen::inRange(1, 50)};
  seconds before{0};
  for (int failures = 1; failures < policy.most; ++failures) {
    const auto pause = PauseAfter(policy, failures);
    RC_ASSERT(pause.has_value());
    RC_ASSERT(*pause >= before && *pause <= policy.longest);
    before = *pause;
  }
  RC_ASSERT(!PauseAfter(policy, policy.most).has_value());
}

// Whatever the past and the clock: a task that is switched on runs within a day and an hour, and what is in the future now is
// still the plan a moment later.
RC_GTEST_PROP(UpkeepProperty, ATaskIsNeverForgotten, ()) {
  TaskHistory history = Daily();
  const auto time = [] { return kDay + *rc::gen::inRange<TimeMicros>(-3 * kMicrosPerDay, 3 * kMicrosPerDay); };
  const TimeMicros now = time();
  if (*rc::gen::arbitrary<bool>()) history.served = time();
  history.failures = *rc::gen::inRange(0, 8);
  if (history.failures > 0) history.failed_at = time();
  history.interrupted = *rc::gen::arbitrary<bool>();
  history.always_at_start = *rc::gen::arbitrary<bool>();
  const auto next = PlanNextRun(history, {}, now, false);
  RC_ASSERT(next.has_value());
  RC_ASSERT(next->at <= now + kMicrosPerDay + kHour);
  // A past that lies in the future, by a clock that jumped, is judged anew as time goes on.
  const bool past = history.served.value_or(now) <= now && history.failed_at.value_or(now) <= now;
  if (past && next->at > now + kMinute) {
    const auto later = PlanNextRun(history, {}, now + kMinute, false);
    RC_ASSERT(later && later->at <= next->at);
  }
}

}  // namespace
}  // namespace eventstore::domain
