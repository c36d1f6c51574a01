// What is asked of Analytics, and what counts say of executions.
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/analytics_validation.h"
#include "server/domain/execution_rates.h"
#include "server/domain/hour_ranges.h"
#include "tests/support/status_matchers.h"

namespace eventstore::domain {
namespace {

using testing::HasMessage;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr TimeMicros kHour = kMicrosPerHour;
// 2026-01-01T10:20:00Z.
constexpr TimeMicros kNow = (1'767'225'600 + 37'200) * kMicrosPerSecond;

RawHourlyQuery Raw(int aggregate, const std::function<void(RawHourlyQuery&)>& change = [](RawHourlyQuery&) {}) {
  RawHourlyQuery raw;
  raw.aggregate = aggregate;
  change(raw);
  return raw;
}

RawTime At(TimeMicros time) { return {time / kMicrosPerSecond, 0}; }

TEST(HourRanges, HoursThatFollowEachOtherAreOneRangeUpToTheLongest) {
  const auto ranges = RangesOfHours({0, kHour, 2 * kHour, 5 * kHour}, 2);
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].to, 2 * kHour);
  EXPECT_EQ(ranges[1].from, 2 * kHour);
  EXPECT_EQ(ranges[2].from, 5 * kHour);
  EXPECT_TRUE(RangesOfHours({}, 24).empty());
}

TEST(HourRanges, TheNearestAreJoinedFirst) {
  const auto ranges = Joined({{0, kHour}, {3 * kHour, 4 * kHour}, {5 * kHour, 6 * kHour}, {20 * kHour, 21 * kHour}}, 2);
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].from, 0);
  EXPECT_EQ(ranges[0].to, 6 * kHour);
  EXPECT_EQ(ranges[1].from, 20 * kHour);
}

TEST(AnalyticsValidation, RangesAreWholeBucketsAndEndNow) {
  RawHourlyQuery raw = Raw(3);
  auto query = ParseHourlyQuery(raw, kNow);
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(query->aggregate, Aggregate::kEventVolume);
  EXPECT_EQ(query->range.to, kNow + kHour - kNow % kHour);
  EXPECT_EQ(query->range.to - query->range.from, 24 * kHour);
  EXPECT_EQ(query->limit, 1'000);
  raw.bucket = 2;
  raw.range = {At(kNow), At(kNow + kMicrosPerSecond)};
  query = ParseHourlyQuery(raw, kNow);
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(query->range.from % kMicrosPerDay, 0);
  EXPECT_EQ(query->range.to - query->range.from, kMicrosPerDay);
}

TEST(AnalyticsValidation, LimitsAreNamed) {
  EXPECT_THAT(ParseHourlyQuery(Raw(0), kNow), HasMessage(HasSubstr("aggregate")));
  EXPECT_THAT(ParseHourlyQuery(Raw(8), kNow), HasMessage(HasSubstr("aggregate")));
  EXPECT_THAT(ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.bucket = 3; }), kNow), HasMessage(HasSubstr("bucket")));
  EXPECT_THAT(ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.page_size = 10'001; }), kNow),
              HasMessage(HasSubstr("page_size")));
  EXPECT_THAT(ParseTopQuery(Raw(1, [&](auto& raw) { raw.page_size = 1'001; }), kNow), HasMessage(HasSubstr("limit")));
  EXPECT_THAT(
      ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.range = {At(kNow - 401 * kMicrosPerDay), std::nullopt}; }), kNow),
      HasReason(Reason::kLimitExceeded));
  EXPECT_THAT(ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.refs = std::vector<std::string>(101); }), kNow),
              HasReason(Reason::kLimitExceeded));
}

TEST(AnalyticsValidation, ATokenIsReadAsItWasWritten) {
  const CountKey key{kNow, "a.b \xc3\xa4", ""};
  const auto query = ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.page_token = CountToken(key); }), kNow);
  ASSERT_THAT(query, IsOk());
  EXPECT_EQ(query->after, key);
  for (const char* bad : {"1", "1.2", "x.61.61", "1.6.61", "1.zz.61", "1.00.61", "1.ff.61"}) {
    EXPECT_THAT(ParseHourlyQuery(Raw(1, [&](auto& raw) { raw.page_token = bad; }), kNow),
                HasMessage(HasSubstr("page_token")))
        << bad;
  }
}

TEST(ExecutionRates, CancelledOnesCountForNeither) {
  const std::vector<CountPoint> points = {{{0, "", "cancelled"}, 9},     {{0, "", "completed"}, 6},
                                          {{0, "", "failed"}, 1},        {{0, "", "running"}, 100},
                                          {{kHour, "", "abandoned"}, 1}, {{kHour, "", "timeout"}, 1}};
  const auto buckets = EndingsOf(points);
  ASSERT_EQ(buckets.size(), 2U);
  EXPECT_DOUBLE_EQ(buckets[0].FailureRate().value(), 1.0 / 7);
  EXPECT_DOUBLE_EQ(buckets[1].FailureRate().value(), 1.0);
  EXPECT_DOUBLE_EQ(SumOf(buckets).FailureRate().value(), 3.0 / 9);
  EXPECT_EQ(SumOf(buckets).ended(), 18);
  EXPECT_FALSE(Endings{.cancelled = 5}.FailureRate().has_value());
  const auto throughput = ThroughputOf({{{kHour, "", ""}, 4}}, buckets);
  EXPECT_EQ(throughput, (std::vector<ThroughputBucket>{{0, 0, 16}, {kHour, 4, 2}}));
}

}  // namespace
}  // namespace eventstore::domain
