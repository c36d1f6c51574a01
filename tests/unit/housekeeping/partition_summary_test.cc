#include "server/housekeeping/partition_summary.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace eventstore::housekeeping {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr domain::TimeMicros kToday = 20'000 * domain::kMicrosPerDay;
constexpr domain::TimeMicros kNow = kToday + domain::kMicrosPerDay / 3;

// Partitions of days, counted from today; `to` is included.
std::vector<storage::Partition> Days(int from, int to) {
  std::vector<storage::Partition> partitions;
  for (int day = from; day <= to; ++day) {
    const auto start = kToday + day * domain::kMicrosPerDay;
    partitions.push_back({.table = "t",
                          .range = {start, start + domain::kMicrosPerDay},
                          .bytes = 100,
                          .rows = 10,
                          .rows_exact = day < 0,
                          .compressed = day < -1});
  }
  return partitions;
}

TEST(PartitionSummary, AddsUp) {
  const auto summary = Summarise(Days(-3, 30), true, kNow);
  EXPECT_EQ(summary.count, 34);
  EXPECT_EQ(summary.bytes, 3'400);
  EXPECT_EQ(summary.rows, 340);
  EXPECT_FALSE(summary.rows_exact);
  EXPECT_EQ(summary.compressed, 2);
  EXPECT_EQ(summary.oldest, kToday - 3 * domain::kMicrosPerDay);
  EXPECT_EQ(summary.newest, kToday + 31 * domain::kMicrosPerDay);
  EXPECT_TRUE(summary.today_exists);
  EXPECT_EQ(summary.days_ahead, 30);
  EXPECT_EQ(summary.light, Light::kGreen);
  EXPECT_THAT(summary.remarks, IsEmpty());
}

TEST(PartitionSummary, DaysAheadEndAtTheFirstGap) {
  auto partitions = Days(0, 30);
  partitions.erase(partitions.begin() + 9);
  EXPECT_EQ(Summarise(partitions, true, kNow).days_ahead, 8);
  EXPECT_EQ(Summarise(Days(0, 7), true, kNow).light, Light::kGreen);
  const auto few = Summarise(Days(0, 6), true, kNow);
  EXPECT_EQ(few.days_ahead, 6);
  EXPECT_EQ(few.light, Light::kYellow);
  EXPECT_THAT(few.remarks, ElementsAre(HasSubstr("6 days ahead")));
}

TEST(PartitionSummary, WithoutAPartitionForTodayItIsRed) {
  auto partitions = Days(-2, 30);
  partitions.erase(partitions.begin() + 2);
  const auto summary = Summarise(partitions, true, kNow);
  EXPECT_FALSE(summary.today_exists);
  EXPECT_EQ(summary.days_ahead, 0);
  EXPECT_EQ(summary.light, Light::kRed);
  EXPECT_THAT(summary.remarks, ElementsAre(HasSubstr("eventctl partitions fix")));
  EXPECT_EQ(Summarise({}, true, kNow).light, Light::kRed);
}

TEST(PartitionSummary, WhereInsertsMakeThemNoneIsMissing) {
  const auto summary = Summarise({}, false, kNow);
  EXPECT_EQ(summary.light, Light::kGreen);
  EXPECT_FALSE(summary.today_exists);
  EXPECT_EQ(summary.oldest, std::nullopt);
  EXPECT_TRUE(summary.rows_exact);
}

TEST(PartitionSummary, AFailedTaskIsYellowAndNeverLessThanWhatWas) {
  auto summary = Summarise(Days(0, 30), true, kNow);
  AddUpkeep(summary, 0, false);
  EXPECT_EQ(summary.light, Light::kGreen);
  AddUpkeep(summary, 2, false);
  EXPECT_EQ(summary.light, Light::kYellow);
  EXPECT_THAT(summary.remarks, ElementsAre(HasSubstr("2 times in a row")));
  auto red = Summarise({}, true, kNow);
  AddUpkeep(red, 0, true);
  EXPECT_EQ(red.light, Light::kRed);
  EXPECT_EQ(red.remarks.size(), 2U);
}

}  // namespace
}  // namespace eventstore::housekeeping
