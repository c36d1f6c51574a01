#include "server/domain/import.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "server/domain/iso_time.h"
#include "server/domain/position.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using Kind = ImportVerdict::Kind;

ImportedEvent At(std::uint64_t aggregate, std::uint64_t id, TimeMicros time, const std::string& metadata = "{}") {
  ImportedEvent event{TestId(aggregate), "entity", time, {}};
  event.event.id = TestId(id);
  event.event.metadata = metadata;
  return event;
}

TEST(PlanImport, VersionsAndPositionsFollowTheHeadInTheOrderGiven) {
  const std::vector<ImportedEvent> events{At(1, 10, 500), At(2, 11, 400), At(1, 12, 600)};
  const Heads heads{{TestId(1), {4, 100, 300}}};
  const ImportPlan plan = PlanImport(events, heads, {}, {0, 7, 3});
  ASSERT_EQ(plan.rows.size(), 3U);
  EXPECT_EQ(plan.rows[0].recorded, (AppendedEvent{TestId(10), 5, 500, MakePosition(7, 3, 0)}));
  EXPECT_EQ(plan.rows[1].recorded, (AppendedEvent{TestId(11), 1, 400, MakePosition(7, 3, 1)}));
  EXPECT_EQ(plan.rows[2].recorded, (AppendedEvent{TestId(12), 6, 600, MakePosition(7, 3, 2)}));
  ASSERT_EQ(plan.heads.size(), 2U);
  EXPECT_EQ(plan.heads[0].before.version, 4);
  EXPECT_EQ(plan.heads[0].after.version, 6);
  EXPECT_EQ(plan.heads[0].after.first_timestamp, 100);
  EXPECT_EQ(plan.heads[0].after.last_timestamp, 600);
  EXPECT_EQ(plan.heads[1].after.first_timestamp, 400);
}

TEST(PlanImport, ATimeBehindTheAggregateIsRaisedAndKeptInTheMetadata) {
  const std::vector<ImportedEvent> events{At(1, 10, 2'000'000), At(1, 11, 1'500'000, R"( {"a": {}} )"),
                                          At(1, 12, -1, "{ }"), At(1, 13, 2'000'000)};
  const ImportPlan plan = PlanImport(events, {}, {}, {});
  ASSERT_EQ(plan.rows.size(), 4U);
  for (const ImportedRow& row : plan.rows) EXPECT_EQ(row.recorded.timestamp, 2'000'000);
  EXPECT_FALSE(plan.verdicts[0].clamped);
  EXPECT_TRUE(plan.verdicts[1].clamped);
  EXPECT_TRUE(plan.verdicts[2].clamped);
  EXPECT_FALSE(plan.verdicts[3].clamped);
  EXPECT_EQ(plan.rows[0].metadata, "");
  EXPECT_EQ(plan.rows[1].metadata, R"( {"a": {},"original_timestamp":"1970-01-01T00:00:01.500000Z"})");
  EXPECT_EQ(plan.rows[2].metadata, R"({ "original_timestamp":"1969-12-31T23:59:59.999999Z"})");
}

TEST(PlanImport, TimesBefore1970AreTheFirstOfANewAggregate) {
  const std::vector<ImportedEvent> events{At(1, 10, -5'000'000), At(1, 11, -4'000'000)};
  const ImportPlan plan = PlanImport(events, {}, {}, {});
  EXPECT_EQ(plan.rows[0].recorded.timestamp, -5'000'000);
  EXPECT_EQ(plan.rows[1].recorded.timestamp, -4'000'000);
}

TEST(PlanImport, WhatIsStoredIsAlreadyThereAndAnotherAggregatesIdIsTaken) {
  const std::vector<ImportedEvent> events{At(1, 10, 500), At(1, 11, 500), At(1, 12, 500)};
  const StoredIds stored{{TestId(10), TestId(1)}, {TestId(11), TestId(2)}};
  const ImportPlan plan = PlanImport(events, {}, stored, {});
  EXPECT_EQ(plan.verdicts[0].kind, Kind::kAlreadyThere);
  EXPECT_EQ(plan.verdicts[1].kind, Kind::kIdTaken);
  EXPECT_EQ(plan.verdicts[1].other_aggregate, TestId(2));
  EXPECT_EQ(plan.verdicts[2].kind, Kind::kWritten);
  ASSERT_EQ(plan.rows.size(), 1U);
  EXPECT_EQ(plan.rows[0].recorded.version, 1);
}

TEST(PlanImport, AnIdThatComesTwiceIsWrittenOnceAndRefusedWithOtherContent) {
  ImportedEvent other = At(1, 10, 500);
  other.event.data = R"({"x":1})";
  const std::vector<ImportedEvent> events{At(1, 10, 500), At(1, 10, 500), other, At(2, 10, 500)};
  const ImportPlan plan = PlanImport(events, {}, {}, {});
  EXPECT_EQ(plan.verdicts[1].kind, Kind::kAlreadyThere);
  EXPECT_EQ(plan.verdicts[2].kind, Kind::kIdTaken);
  EXPECT_EQ(plan.verdicts[3].kind, Kind::kIdTaken);
  EXPECT_EQ(plan.rows.size(), 1U);
}

TEST(PlanImport, NoVersionPassesTheLast) {
  constexpr Version kLast = std::numeric_limits<Version>::max();
  const std::vector<ImportedEvent> events{At(1, 10, 500), At(1, 11, 500)};
  const ImportPlan plan = PlanImport(events, {{TestId(1), {kLast - 1, 1, 2}}}, {}, {});
  EXPECT_EQ(plan.rows.at(0).recorded.version, kLast);
  EXPECT_EQ(plan.verdicts[1].kind, Kind::kExhausted);
  EXPECT_EQ(plan.rows.size(), 1U);
}

TEST(MayBeStored, OnlyWhatIsNotLaterThanItsAggregate) {
  const Heads heads{{TestId(1), {3, 100, 200}}, {TestId(2), {0, 0, 0}}};
  EXPECT_TRUE(MayBeStored(At(1, 10, 200), heads));
  EXPECT_TRUE(MayBeStored(At(1, 10, 50), heads));
  EXPECT_FALSE(MayBeStored(At(1, 10, 201), heads));
  EXPECT_FALSE(MayBeStored(At(2, 10, -1), heads));
  EXPECT_FALSE(MayBeStored(At(3, 10, -1), heads));
}

TEST(IsoTime, IsUtcWithMicroseconds) {
  EXPECT_EQ(IsoTime(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(IsoTime(kMinTime), "0001-01-01T00:00:00.000000Z");
  EXPECT_EQ(IsoTime(kMaxTime), "9999-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace eventstore::domain
