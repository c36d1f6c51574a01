#include "tools/eventbench/load/schedule.h"

#include <gtest/gtest.h>

namespace eventstore::eventbench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Instant kBegin = Instant(seconds(1'000));

TEST(ScheduleTest, ASlowRateHasAMomentForEach) {
  const Schedule schedule(kBegin, 100);
  EXPECT_EQ(schedule.Intended(0), kBegin);
  EXPECT_EQ(schedule.Intended(3), kBegin + milliseconds(30));
  EXPECT_EQ(schedule.DueBy(kBegin - milliseconds(1)), 0);
  EXPECT_EQ(schedule.DueBy(kBegin), 1);
  EXPECT_EQ(schedule.DueBy(kBegin + milliseconds(29)), 3);
  EXPECT_EQ(schedule.DueBy(kBegin + milliseconds(30)), 4);
}

TEST(ScheduleTest, OfAFastRateSeveralShareAMoment) {
  const Schedule schedule(kBegin, 20'000);
  EXPECT_EQ(schedule.Intended(1), kBegin + microseconds(200));
  EXPECT_EQ(schedule.Intended(4), kBegin + microseconds(200));
  EXPECT_EQ(schedule.Intended(5), kBegin + microseconds(400));
}

// Over a long time nothing is lost to rounding, and what is due is exactly what was meant to have started.
TEST(ScheduleTest, TheRateIsKept) {
  for (const double rate : {0.3, 7.0, 999.0, 3'333.0, 4'999.0, 12'345.0, 99'999.0}) {
    const Schedule schedule(kBegin, rate);
    for (int second = 1; second <= 100; second += 33) {
      const Instant now = kBegin + seconds(second);
      const std::int64_t due = schedule.DueBy(now);
      EXPECT_NEAR(static_cast<double>(due), rate * second + 1, rate * 2e-4 + 1.001) << rate;
      EXPECT_LE(schedule.Intended(due - 1), now) << rate;
      EXPECT_GT(schedule.Intended(due), now) << rate;
    }
  }
}

}  // namespace
}  // namespace eventstore::eventbench
