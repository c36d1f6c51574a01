#include "server/domain/query_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "server/domain/limits.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kNowSeconds = 1'763'683'200;
constexpr TimeMicros kNow = kNowSeconds * kMicrosPerSecond;
constexpr std::int64_t kFirstSecond = -62'135'596'800;
constexpr std::int64_t kLastSecond = 253'402'300'799;
constexpr TimeMicros kNoEnd = std::numeric_limits<TimeMicros>::max();

RawTime Seconds(std::int64_t seconds, std::int32_t nanos = 0) { return {seconds, nanos}; }

RawAggregateQuery Aggregate() {
  RawAggregateQuery raw;
  raw.aggregate_id = TestIdText(1);
  return raw;
}

RawUserQuery User() {
  RawUserQuery raw;
  raw.user_id = "ann";
  return raw;
}

RawCorrelationQuery Correlation() { return {TestIdText(1), {}}; }

// What the query says about one field; empty: it is fine.
template <typename Query>
std::string ViolationOf(const absl::StatusOr<Query>& query, const std::string& field) {
  const Error error = FromStatus(query.status());
  if (query.ok()) return "";
  EXPECT_EQ(error.violations.size(), 1U) << error.message;
  EXPECT_EQ(error.violations.at(0).field, field);
  return error.violations.at(0).description;
}

TEST(ParseRequiredUuid, NamesTheField) {
  EXPECT_EQ(*ParseRequiredUuid("aggregate_id", TestIdText(1)), TestId(1));
  EXPECT_THAT(ViolationOf(ParseRequiredUuid("aggregate_id", ""), "aggregate_id"), HasSubstr("is required"));
  EXPECT_THAT(ViolationOf(ParseRequiredUuid("aggregate_id", "x"), "aggregate_id"), HasSubstr("is not a UUID"));
}

TEST(AggregateQuery, DefaultsToEverythingForward) {
  const auto query = ParseAggregateQuery(Aggregate());
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->aggregate_id, TestId(1));
  EXPECT_EQ(query->from_version, 1);
  EXPECT_EQ(query->to_version, std::numeric_limits<Version>::max());
  EXPECT_EQ(query->as_of, std::nullopt);
  EXPECT_EQ(query->direction, Direction::kForward);
  EXPECT_EQ(query->max_events, kNoLimit);
}

TEST(AggregateQuery, TakesEveryFieldOver) {
  RawAggregateQuery raw = Aggregate();
  raw.from_version = 3;
  raw.to_version = 3;
  raw.as_of = Seconds(5, 7'999);
  raw.direction = 2;
  raw.max_events = 9;
  const auto query = ParseAggregateQuery(raw);
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->from_version, 3);
  EXPECT_EQ(query->to_version, 3);
  EXPECT_EQ(query->as_of, 5 * kMicrosPerSecond + 7);
  EXPECT_EQ(query->direction, Direction::kBackward);
  EXPECT_EQ(query->max_events, 9);
}

TEST(AggregateQuery, RefusesBadFields) {
  const auto refused = [](const std::function<void(RawAggregateQuery&)>& spoil, const std::string& field) {
    RawAggregateQuery raw = Aggregate();
    spoil(raw);
    return ViolationOf(ParseAggregateQuery(raw), field);
  };
  EXPECT_THAT(refused([](auto& q) { q.aggregate_id = ""; }, "aggregate_id"), HasSubstr("is required"));
  EXPECT_THAT(refused([](auto& q) { q.aggregate_id = "7"; }, "aggregate_id"), HasSubstr("is not a UUID"));
  EXPECT_THAT(refused([](auto& q) { q.from_version = -1; }, "from_version"), HasSubstr("is -1;"));
  EXPECT_THAT(refused([](auto& q) { q.to_version = -1; }, "to_version"), HasSubstr("is -1;"));
  EXPECT_THAT(refused([](auto& q) { q.from_version = 4, q.to_version = 3; }, "from_version"),
              HasSubstr("is 4, after to_version 3"));
  EXPECT_THAT(refused([](auto& q) { q.direction = 3; }, "direction"), HasSubstr("known values are 0 to 2"));
  EXPECT_THAT(refused([](auto& q) { q.direction = -1; }, "direction"), HasSubstr("is -1"));
  EXPECT_THAT(refused([](auto& q) { q.max_events = -1; }, "max_events"), HasSubstr("is -1"));
}

TEST(AggregateQuery, ReportsEverythingThatIsWrong) {
  RawAggregateQuery raw;
  raw.from_version = -1;
  raw.as_of = Seconds(0, -1);
  raw.direction = 9;
  EXPECT_THAT(FieldsOf(ParseAggregateQuery(raw).status()),
              ElementsAre("aggregate_id", "from_version", "as_of", "direction"));
}

TEST(Times, AreThoseOfATimestampCutToMicroseconds) {
  const auto as_of = [](RawTime time) {
    RawAggregateQuery raw = Aggregate();
    raw.as_of = time;
    return ParseAggregateQuery(raw);
  };
  EXPECT_EQ(as_of(Seconds(kFirstSecond))->as_of, kMinTime);
  EXPECT_EQ(as_of(Seconds(kLastSecond, 999'999'999))->as_of, kMaxTime);
  EXPECT_EQ(as_of(Seconds(-1, 999'999'999))->as_of, -1);
  EXPECT_THAT(ViolationOf(as_of(Seconds(kFirstSecond - 1)), "as_of"), HasSubstr("outside the years"));
  EXPECT_THAT(ViolationOf(as_of(Seconds(kLastSecond + 1)), "as_of"), HasSubstr("outside the years"));
  EXPECT_THAT(ViolationOf(as_of(Seconds(std::numeric_limits<std::int64_t>::max())), "as_of"), HasSubstr("outside"));
  EXPECT_THAT(ViolationOf(as_of(Seconds(std::numeric_limits<std::int64_t>::min())), "as_of"), HasSubstr("outside"));
  EXPECT_THAT(ViolationOf(as_of(Seconds(0, -1)), "as_of"), HasSubstr("-1 nanoseconds"));
  EXPECT_THAT(ViolationOf(as_of(Seconds(0, 1'000'000'000)), "as_of"), HasSubstr("1000000000 nanoseconds"));
}

TEST(TimeRanges, AreHalfOpenAndNotEmpty) {
  RawCorrelationQuery raw = Correlation();
  EXPECT_EQ(ParseCorrelationQuery(raw)->range.from, kMinTime);
  EXPECT_EQ(ParseCorrelationQuery(raw)->range.to, kNoEnd);
  raw.range = {Seconds(10), Seconds(10, 1'000)};
  EXPECT_EQ(ParseCorrelationQuery(raw)->range.from, 10 * kMicrosPerSecond);
  EXPECT_EQ(ParseCorrelationQuery(raw)->range.to, 10 * kMicrosPerSecond + 1);
  raw.range = {Seconds(10), Seconds(10)};
  EXPECT_THAT(ViolationOf(ParseCorrelationQuery(raw), "from_time"), HasSubstr("is not before to_time"));
  raw.range = {Seconds(11), Seconds(10)};
  EXPECT_THAT(ViolationOf(ParseCorrelationQuery(raw), "from_time"), HasSubstr("is not before to_time"));
  // The same microsecond.
  raw.range = {Seconds(10, 1), Seconds(10, 999)};
  EXPECT_THAT(ViolationOf(ParseCorrelationQuery(raw), "from_time"), HasSubstr("is not before to_time"));
  raw.range = {Seconds(kLastSecond + 1), Seconds(0, -1)};
  EXPECT_THAT(FieldsOf(ParseCorrelationQuery(raw).status()), ElementsAre("from_time", "to_time"));
}

TEST(CorrelationQuery, NeedsItsId) {
  EXPECT_EQ(ParseCorrelationQuery(Correlation())->correlation_id, TestId(1));
  EXPECT_THAT(ViolationOf(ParseCorrelationQuery({"", {}}), "correlation_id"), HasSubstr("is required"));
}

TEST(UserQuery, DefaultsToThirtyDaysWithoutAnEnd) {
  const auto query = ParseUserQuery(User(), kNow);
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->user_id, "ann");
  EXPECT_EQ(query->range.from, kNow - 30 * kMicrosPerDay);
  EXPECT_EQ(query->range.to, kNoEnd);
  EXPECT_EQ(query->direction, Direction::kForward);
  EXPECT_EQ(query->max_events, kNoLimit);
}

TEST(UserQuery, TakesEveryFieldOver) {
  RawUserQuery raw = User();
  raw.event_types = {"a", "b"};
  raw.aggregate_types = {"c"};
  raw.direction = 2;
  raw.limit = 5;
  const auto query = ParseUserQuery(raw, kNow);
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query->event_types, ElementsAre("a", "b"));
  EXPECT_THAT(query->aggregate_types, ElementsAre("c"));
  EXPECT_EQ(query->direction, Direction::kBackward);
  EXPECT_EQ(query->max_events, 5);
}

TEST(UserQuery, CountsDaysBackFromNow) {
  RawUserQuery raw = User();
  raw.days = 1;
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.from, kNow - kMicrosPerDay);
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.to, kNoEnd);
  raw.days = kMaxDays;
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.from, kNow - std::int64_t{36'500} * kMicrosPerDay);
  EXPECT_EQ(ParseUserQuery(raw, kMinTime + 5)->range.from, kMinTime) << "never before the first time there is";
  raw.days = kMaxDays + 1;
  EXPECT_EQ(ViolationOf(ParseUserQuery(raw, kNow), "days"), "is 36501; the limit is 36500");
  EXPECT_EQ(FromStatus(ParseUserQuery(raw, kNow).status()).reason, Reason::kLimitExceeded);
  raw.days = -1;
  EXPECT_THAT(ViolationOf(ParseUserQuery(raw, kNow), "days"), HasSubstr("is -1"));
}

TEST(UserQuery, TakesDaysOrARangeNotBoth) {
  RawUserQuery raw = User();
  raw.range.from = Seconds(10);
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.from, 10 * kMicrosPerSecond);
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.to, kNoEnd);
  raw.days = 1;
  EXPECT_THAT(ViolationOf(ParseUserQuery(raw, kNow), "days"), HasSubstr("cannot be combined"));
  raw.range = {std::nullopt, Seconds(kNowSeconds)};
  EXPECT_THAT(ViolationOf(ParseUserQuery(raw, kNow), "days"), HasSubstr("cannot be combined"));
  raw.days = 0;
  raw.range = {std::nullopt, Seconds(kNowSeconds - 86'400)};
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.from, kNow - 31 * kMicrosPerDay) << "30 days before to_time";
  EXPECT_EQ(ParseUserQuery(raw, kNow)->range.to, kNow - kMicrosPerDay);
}

TEST(UserQuery, RefusesBadFields) {
  const auto refused = [](const std::function<void(RawUserQuery&)>& spoil, const std::string& field) {
    RawUserQuery raw = User();
    spoil(raw);
    return ViolationOf(ParseUserQuery(raw, kNow), field);
  };
  EXPECT_THAT(refused([](auto& q) { q.user_id = ""; }, "user_id"), HasSubstr("is required"));
  EXPECT_EQ(refused([](auto& q) { q.user_id = std::string(200, 'x'); }, "user_id"), "");
  EXPECT_THAT(refused([](auto& q) { q.user_id = std::string(201, 'x'); }, "user_id"), HasSubstr("limit is 200"));
  EXPECT_THAT(refused([](auto& q) { q.limit = -5; }, "limit"), HasSubstr("is -5"));
  EXPECT_THAT(refused([](auto& q) { q.direction = 7; }, "direction"), HasSubstr("is 7"));
}

TEST(ReadAllQuery, TakesEveryFieldOver) {
  const auto query = ParseReadAllQuery(
      {42, {{"a"}, {"b"}, {"c"}, {"d"}, {"e."}, {"0190A0E2-0000-7000-8000-000000000001"}, {{"key", "value"}}}, 2, 7});
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->from_position, 42);
  EXPECT_THAT(query->filter.event_types, ElementsAre("a"));
  EXPECT_THAT(query->filter.aggregate_types, ElementsAre("b"));
  EXPECT_THAT(query->filter.user_ids, ElementsAre("c"));
  EXPECT_THAT(query->filter.sources, ElementsAre("d"));
  EXPECT_THAT(query->filter.event_type_prefixes, ElementsAre("e."));
  EXPECT_THAT(query->filter.correlation_ids, ElementsAre(*Uuid::Parse("0190a0e2-0000-7000-8000-000000000001")));
  EXPECT_THAT(query->filter.metadata, ElementsAre(std::pair<std::string, std::string>("key", "value")));
  EXPECT_EQ(query->direction, Direction::kBackward);
  EXPECT_EQ(query->max_events, 7);
}

TEST(ReadAllQuery, FiltersByIdAndMetadata) {
  RawReadAllQuery raw;
  raw.filter.correlation_ids = {"0190a0e2-0000-7000-8000-000000000001", "no"};
  EXPECT_THAT(ViolationOf(ParseReadAllQuery(raw), "filter.correlation_ids[1]"), HasSubstr("no"));
  raw.filter.correlation_ids.assign(kMaxFilterValues + 1, "no");
  EXPECT_FALSE(ParseReadAllQuery(raw).ok());
  raw.filter.correlation_ids.clear();
  raw.filter.metadata = {{"", ""}, {std::string(1'000, 'k'), std::string(1'000, 'v')}};
  EXPECT_TRUE(ParseReadAllQuery(raw).ok());
  raw.filter.metadata = {{std::string(1'001, 'k'), ""}};
  EXPECT_FALSE(ParseReadAllQuery(raw).ok());
  raw.filter.metadata = {{"k", std::string(1'001, 'v')}};
  EXPECT_FALSE(ParseReadAllQuery(raw).ok());
  raw.filter.metadata = {{"k", "\xff"}};
  EXPECT_FALSE(ParseReadAllQuery(raw).ok());
  raw.filter.metadata.assign(kMaxFilterValues + 1, {"k", "v"});
  EXPECT_FALSE(ParseReadAllQuery(raw).ok());
}

TEST(ReadAllQuery, RefusesBadFields) {
  EXPECT_TRUE(ParseReadAllQuery({std::numeric_limits<std::int64_t>::max(), {}, 1, 0}).ok());
  EXPECT_THAT(ViolationOf(ParseReadAllQuery({-1, {}, 0, 0}), "from_position"), HasSubstr("is -1"));
  EXPECT_THAT(ViolationOf(ParseReadAllQuery({0, {}, 3, 0}), "direction"), HasSubstr("is 3"));
  EXPECT_THAT(ViolationOf(ParseReadAllQuery({0, {}, 0, -1}), "max_events"), HasSubstr("is -1"));
}

TEST(CountQuery, CountsEverythingByDefault) {
  const auto query = ParseCountQuery({});
  ASSERT_TRUE(query.ok());
  EXPECT_TRUE(query->filter.user_ids.empty());
  EXPECT_EQ(query->aggregate_id, std::nullopt);
  EXPECT_EQ(query->correlation_id, std::nullopt);
  EXPECT_EQ(query->group_by, GroupBy::kNone);
}

TEST(CountQuery, TakesEveryFieldOver) {
  RawCountQuery raw;
  raw.user_id = "ann";
  raw.event_types = {"a"};
  raw.aggregate_types = {"b"};
  raw.sources = {"c"};
  raw.aggregate_id = TestIdText(1);
  raw.correlation_id = TestIdText(2);
  raw.range = {Seconds(1), Seconds(2)};
  const auto query = ParseCountQuery(raw);
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(query->filter.user_ids, ElementsAre("ann"));
  EXPECT_THAT(query->filter.event_types, ElementsAre("a"));
  EXPECT_THAT(query->filter.aggregate_types, ElementsAre("b"));
  EXPECT_THAT(query->filter.sources, ElementsAre("c"));
  EXPECT_EQ(query->aggregate_id, TestId(1));
  EXPECT_EQ(query->correlation_id, TestId(2));
  EXPECT_EQ(query->range.from, 1 * kMicrosPerSecond);
  EXPECT_EQ(query->range.to, 2 * kMicrosPerSecond);
}

TEST(CountQuery, KnowsEveryGrouping) {
  const std::vector<GroupBy> groupings = {GroupBy::kNone,          GroupBy::kDay,  GroupBy::kHour,  GroupBy::kEventType,
                                          GroupBy::kAggregateType, GroupBy::kUser, GroupBy::kSource};
  for (int i = 0; i < 7; ++i) {
    RawCountQuery raw;
    raw.group_by = i;
    EXPECT_EQ(ParseCountQuery(raw)->group_by, groupings[static_cast<std::size_t>(i)]);
  }
  for (const int unknown : {-1, 7, std::numeric_limits<int>::max()}) {
    RawCountQuery raw;
    raw.group_by = unknown;
    EXPECT_THAT(ViolationOf(ParseCountQuery(raw), "group_by"), HasSubstr("known values are 0 to 6"));
  }
}

TEST(CountQuery, RefusesBadFields) {
  const auto refused = [](const std::function<void(RawCountQuery&)>& spoil, const std::string& field) {
    RawCountQuery raw;
    spoil(raw);
    return ViolationOf(ParseCountQuery(raw), field);
  };
  EXPECT_THAT(refused([](auto& q) { q.aggregate_id = "x"; }, "aggregate_id"), HasSubstr("is not a UUID"));
  EXPECT_THAT(refused([](auto& q) { q.correlation_id = "x"; }, "correlation_id"), HasSubstr("is not a UUID"));
  EXPECT_EQ(refused([](auto& q) { q.user_id = std::string(200, 'x'); }, "user_id"), "");
  EXPECT_THAT(refused([](auto& q) { q.user_id = std::string(201, 'x'); }, "user_id"), HasSubstr("limit is 200"));
  EXPECT_THAT(refused([](auto& q) { q.range = {Seconds(2), Seconds(1)}; }, "from_time"), HasSubstr("not before"));
}

}  // namespace
}  // namespace eventstore::domain
