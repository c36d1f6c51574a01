// Types that are kept for different times.
#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

class RetentionTypesTest : public RetentionTest {
 protected:
  // Aggregates 0 and 2 are sessions, 1 is an audit.
  void Insert(const History& history) {
    history.Insert(database_);
    database_.Execute("UPDATE events_v2 SET aggregate_type = CASE WHEN aggregate_id = '" +
                      History::AggregateId(1).ToString() + "' THEN 'audit' ELSE 'session' END");
  }

  housekeeping::RetentionOptions ByType(std::map<std::string, int> rules, int days = 0) const {
    auto options = Options(days);
    options.rules.by_type = std::move(rules);
    return options;
  }
};

TEST_F(RetentionTypesTest, WhatIsOverGoesAndTheRestOfTheChunkStays) {
  Insert(Past(5, 30));
  Close();
  const std::string before = Everything();
  const auto options = ByType({{"session", 2}, {"audit", 4}});
  auto dry = Run(options, {.dry_run = true});
  ASSERT_THAT(dry, IsOk());
  EXPECT_EQ(dry->counts["partitions_to_drop"], 1) << dry->summary;
  EXPECT_EQ(dry->counts["partitions_to_thin"], 2) << dry->summary;
  EXPECT_EQ(dry->counts["events_to_drop.session"], 60);
  EXPECT_EQ(dry->counts["events_to_drop.audit"], 10);
  auto report = Run(options);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 1) << report->summary;
  EXPECT_EQ(report->counts["partitions_thinned"], 2) << report->summary;
  EXPECT_EQ(report->counts["events_dropped"], dry->counts["events_to_drop"]);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2 WHERE aggregate_type = 'audit'"), 40);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2 WHERE aggregate_type = 'session'"), 40);
  EXPECT_EQ(ExpectArchiveWhole(), 70);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 80);
  storage::AggregateCursor session(Stream(0), chunks_);
  EXPECT_EQ(Read(session).size(), 20U);
  EXPECT_EQ(session.first_available_version(), 31);
  storage::AggregateCursor audit(Stream(1), chunks_);
  EXPECT_EQ(Read(audit).size(), 40U);
  EXPECT_EQ(audit.first_available_version(), 11);
  EXPECT_EQ(Read(*All()).size(), 80U);
  domain::CountQuery count;
  count.aggregate_id = History::AggregateId(0);
  auto counted = storage::CountEvents(session_, chunks_, count);
  ASSERT_THAT(counted, IsOk());
  EXPECT_EQ(counted->count, 20);
  // Again: nothing.
  report = Run(options);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["events_dropped"], 0);
  // A day of sessions cannot come back without the days behind it.
  auto restored = Restore({});
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 150);
  storage::AggregateCursor whole(Stream(0), chunks_);
  EXPECT_EQ(Read(whole).size(), 50U);
  EXPECT_EQ(whole.first_available_version(), 1);
}

TEST_F(RetentionTypesTest, WhatHasNoRuleIsKept) {
  Insert(Past(4, 30));
  Close();
  auto report = Run(ByType({{"session", 1}}));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 0);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2 WHERE aggregate_type = 'audit'"), 40);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2 WHERE aggregate_type = 'session'"), 20);
  storage::AggregateCursor gone_then_back(Stream(2), chunks_);
  EXPECT_EQ(Read(gone_then_back).size(), 10U);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 60);
}

TEST_F(RetentionTypesTest, AnAggregateOfSeveralTypesKeepsItsBeginningUntilAllOfItIsOver) {
  const History history = Past(4, 30);
  Insert(history);
  // Aggregate 0 was an audit on the second day.
  database_.Execute("UPDATE events_v2 SET aggregate_type = 'audit' WHERE aggregate_id = '" +
                    History::AggregateId(0).ToString() + "' AND global_position BETWEEN 31 AND 60");
  Close();
  auto report = Run(ByType({{"session", 1}}));
  ASSERT_THAT(report, IsOk());
  // Its first day may go; its second stays, and so does its third: no gap.
  storage::AggregateCursor mixed(Stream(0), chunks_);
  EXPECT_EQ(Read(mixed).size(), 30U);
  EXPECT_EQ(mixed.first_available_version(), 11);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2 WHERE aggregate_id = '" + History::AggregateId(2).ToString() + "'"),
            10);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 30 + 40 + 10);
}

}  // namespace
}  // namespace eventstore::testing
