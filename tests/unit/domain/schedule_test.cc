#include "server/domain/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::domain {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono;  // NOLINT(google-build-using-namespace): dates are written with its literals

TimeMicros At(year_month_day day, int hour = 0, int minute = 0, int second = 0) {
  return duration_cast<microseconds>(
             (sys_days(day) + hours(hour) + minutes(minute) + seconds(second)).time_since_epoch())
      .count();
}

Schedule Parsed(const std::string& text) {
  auto schedule = Schedule::Parse("schedule", text);
  EXPECT_TRUE(schedule.ok()) << text << ": " << schedule.status();
  return *schedule;
}

TimeMicros Next(const std::string& text, TimeMicros after) { return Parsed(text).NextAfter(after).value_or(-1); }

std::string Refusal(const std::string& text) {
  const auto schedule = Schedule::Parse("schedule", text);
  if (schedule.ok()) return "was taken";
  const Error error = FromStatus(schedule.status());
  EXPECT_EQ(error.violations.size(), 1U);
  EXPECT_EQ(error.violations.front().field, "schedule");
  return error.violations.front().description;
}

TEST(Schedule, TheNextTimeIsAfterAndNeverAt) {
  const auto two = At(2026y / November / 21, 2);
  EXPECT_EQ(Next("0 2 * * *", two - 1), two);
  EXPECT_EQ(Next("0 2 * * *", two), At(2026y / November / 22, 2));
  EXPECT_EQ(Next("* * * * *", At(2026y / November / 21, 2, 0, 30)), At(2026y / November / 21, 2, 1));
  EXPECT_EQ(Next("59 23 31 12 *", At(2026y / December / 31, 23, 59)), At(2027y / December / 31, 23, 59));
}

TEST(Schedule, ListsRangesStepsAndNames) {
  EXPECT_EQ(Next("*/15 * * * *", At(2026y / November / 21, 2, 31)), At(2026y / November / 21, 2, 45));
  EXPECT_EQ(Next("5/20 * * * *", At(2026y / November / 21, 2, 26)), At(2026y / November / 21, 2, 45));
  EXPECT_EQ(Next("0 9-17/4 * * *", At(2026y / November / 21, 10)), At(2026y / November / 21, 13));
  EXPECT_EQ(Next("0 0 1,15 * *", At(2026y / November / 2)), At(2026y / November / 15));
  EXPECT_EQ(Next("0 0 * JAN,jul *", At(2026y / November / 2)), At(2027y / January / 1));
  // The 21st of November 2026 is a Saturday.
  EXPECT_EQ(Next("0 0 * * MON-FRI", At(2026y / November / 21)), At(2026y / November / 23));
  EXPECT_EQ(Next("0 0 * * 7", At(2026y / November / 21)), At(2026y / November / 22));
  EXPECT_EQ(Next("0 0 * * 0", At(2026y / November / 21)), At(2026y / November / 22));
  EXPECT_EQ(Next("0 0 * * */2", At(2026y / November / 21)), At(2026y / November / 22));
}

TEST(Schedule, EitherDayIsEnoughIfBothAreRestricted) {
  EXPECT_EQ(Next("0 0 13 * FRI", At(2026y / November / 21)), At(2026y / November / 27));
  EXPECT_EQ(Next("0 0 13 * FRI", At(2026y / December / 11)), At(2026y / December / 13));
  EXPECT_EQ(Next("0 0 */2 * FRI", At(2026y / November / 21)), At(2026y / November / 27)) << "*/2 counts as a star";
}

TEST(Schedule, NamesStandForTheUsualOnes) {
  const auto now = At(2026y / November / 21, 10, 30);
  EXPECT_EQ(Next("@hourly", now), At(2026y / November / 21, 11));
  EXPECT_EQ(Next("@daily", now), At(2026y / November / 22));
  EXPECT_EQ(Next("@midnight", now), At(2026y / November / 22));
  EXPECT_EQ(Next("@weekly", now), At(2026y / November / 22));
  EXPECT_EQ(Next("@monthly", now), At(2026y / December / 1));
  EXPECT_EQ(Next("@yearly", now), At(2027y / January / 1));
  EXPECT_EQ(Next("@annually", now), At(2027y / January / 1));
}

TEST(Schedule, LeapDaysAreFoundHoweverFarAway) {
  EXPECT_EQ(Next("0 0 29 2 *", At(2096y / February / 29)), At(2104y / February / 29));
  EXPECT_EQ(Parsed("0 0 29 2 *").NextAfter(kMaxTime - 1), std::nullopt);
  EXPECT_EQ(Parsed("* * * * *").NextAfter(kMaxTime), std::nullopt);
}

TEST(Schedule, WhatIsWrongIsNamed) {
  EXPECT_THAT(Refusal("60 * * * *"), HasSubstr("the minute is not understood"));
  EXPECT_THAT(Refusal("0 24 * * *"), HasSubstr("the hour is not understood"));
  EXPECT_THAT(Refusal("0 0 0 * *"), HasSubstr("the day of the month is not understood"));
  EXPECT_THAT(Refusal("0 0 1 13 *"), HasSubstr("the month is not understood"));
  EXPECT_THAT(Refusal("0 0 1 JANUARY *"), HasSubstr("the month is not understood"));
  EXPECT_THAT(Refusal("0 0 * * 8"), HasSubstr("the day of the week is not understood"));
  for (const char* minute :
       {"-1", "5-", "-5", "5-3", "1,,2", ",", "*/0", "*/", "/5", "1/-1", "a", "1x", "1-2-3", "**"}) {
    EXPECT_THAT(Refusal(std::string(minute) + " * * * *"), HasSubstr("the minute is not understood")) << minute;
  }
  EXPECT_THAT(Refusal(""), HasSubstr("has 0 fields"));
  EXPECT_THAT(Refusal("0 2 * *"), HasSubstr("has 4 fields"));
  EXPECT_THAT(Refusal("0 2 * * * *"), HasSubstr("has 6 fields"));
  EXPECT_THAT(Refusal("@nightly"), HasSubstr("@daily"));
  EXPECT_THAT(Refusal("0 0 31 2 *"), HasSubstr("never comes"));
  EXPECT_THAT(Refusal(std::string(201, '1')), HasSubstr("200"));
  EXPECT_THAT(Refusal("\n\xff * * * *"), HasSubstr("\"??"));
}

// A schedule as sets of values, and its text.
struct Drawn {
  std::set<int> minutes;
  std::set<int> hours;
  std::string text;
};

Drawn DrawSchedule() {
  Drawn drawn;
  const auto list = [](int max) {
    return *rc::gen::suchThat(rc::gen::container<std::set<int>>(rc::gen::inRange(0, max)),
                              [](const auto& set) { return !set.empty() && set.size() <= 20; });
  };
  drawn.minutes = list(60);
  drawn.hours = list(24);
  drawn.text = fmt::format("{} {} * * *", fmt::join(drawn.minutes, ","), fmt::join(drawn.hours, ","));
  return drawn;
}

RC_GTEST_PROP(ScheduleProperty, TheNextTimeIsTheFirstMinuteThatMatches, ()) {
  const Drawn drawn = DrawSchedule();
  const auto schedule = Schedule::Parse("schedule", drawn.text);
  RC_ASSERT(schedule.ok());
  const auto start = At(2026y / January / 1) + *rc::gen::inRange<TimeMicros>(0, 365 * kMicrosPerDay);
  const auto next = schedule->NextAfter(start);
  constexpr TimeMicros kMinute = 60 * kMicrosPerSecond;
  TimeMicros expected = start - start % kMinute + kMinute;
  while (!drawn.minutes.contains(static_cast<int>(expected / kMinute % 60)) ||
         !drawn.hours.contains(static_cast<int>(expected / kMinute / 60 % 24))) {
    expected += kMinute;
  }
  RC_ASSERT(next == expected);
}

RC_GTEST_PROP(ScheduleProperty, WhateverIsWrittenIsTakenOrRefusedByItsField, (const std::string& text)) {
  const auto schedule = Schedule::Parse("schedule", text);
  if (schedule.ok()) {
    RC_ASSERT(schedule->NextAfter(0).has_value());
  } else {
    RC_ASSERT(FromStatus(schedule.status()).violations.front().field == "schedule");
  }
}

}  // namespace
}  // namespace eventstore::domain
