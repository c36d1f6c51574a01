// Each task of the housekeeper, on the real database.
#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/system_clock.h"
#include "server/housekeeping/tasks/compression.h"
#include "server/housekeeping/tasks/partition_maintenance.h"
#include "server/housekeeping/tasks/prune_runs.h"
#include "server/housekeeping/tasks/refresh_aggregates.h"
#include "server/housekeeping/tasks/verify_sample.h"
#include "server/storage/engines/timescale_policies.h"
#include "tests/integration/store/history.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::housekeeping {
namespace {

using testing::HasMessage;
using ::testing::HasSubstr;
using testing::History;
using testing::IsOk;

class TasksTest : public ::testing::Test {
 protected:
  absl::StatusOr<TaskReport> Run(Task& task, const TaskParameters& parameters = {}) {
    TaskContext context{.session = session_,
                        .clock = clock_,
                        .parameters = parameters,
                        .progress = [](const TaskProgress&) {},
                        .stop = [this] { return stop_; }};
    return task.Run(context);
  }
  std::int64_t Number(const std::string& sql) { return database_.Execute(sql)[0][0].as<std::int64_t>(); }

  testing::TestDatabase database_;
  storage::Session session_{database_.conninfo(), "test"};
  const domain::SystemClock clock_;
  const std::unique_ptr<storage::Partitions> partitions_ = storage::PartitionsOf("timescaledb", "apache");
  bool stop_ = false;
};

TEST_F(TasksTest, PartitionMaintenanceTriesAnInsertAndLeavesNothing) {
  PartitionMaintenance task(*partitions_, "apache");
  const auto report = Run(task);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts.at("test_inserts"), 1);
  EXPECT_THAT(report->summary, HasSubstr("tried, and rolled back"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 0);
  const auto dry = Run(task, {.dry_run = true});
  ASSERT_THAT(dry, IsOk());
  EXPECT_FALSE(dry->counts.contains("test_inserts"));
}

TEST_F(TasksTest, PartitionMaintenanceSaysThatNothingCanBeStored) {
  database_.Execute(R"sql(
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no room''; END';
    CREATE TRIGGER refuse BEFORE INSERT ON events_v2 FOR EACH ROW EXECUTE FUNCTION refuse())sql");
  PartitionMaintenance task(*partitions_, "apache");
  EXPECT_THAT(Run(task), HasMessage(HasSubstr("an event of now cannot be stored")));
}

// What events_hourly must say of the events that are stored.
constexpr char kDifferences[] = R"sql(
SELECT count(*) FROM (
    SELECT date_trunc('hour', timestamp, 'UTC') AS hour, event_type, aggregate_type, count(*) AS events
    FROM events_v2 GROUP BY 1, 2, 3) e
FULL JOIN events_hourly h USING (hour, event_type, aggregate_type)
WHERE e.events IS DISTINCT FROM h.events
)sql";

class RefreshTest : public TasksTest {
 protected:
  void SetUp() override { history_.Insert(database_); }
  std::int64_t Refreshed(const TaskParameters& parameters = {}) {
    auto report = Run(task_, parameters);
    EXPECT_THAT(report, IsOk());
    return report.ok() ? report->counts.at("hours_counted") : -1;
  }
  // An event of the day (from 0) whose position is the next.
  void Add(int day) {
    database_.Execute(fmt::format(R"sql(
      INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                             global_position)
      SELECT gen_random_uuid(), to_timestamp({}), gen_random_uuid(), 'entity', 'late', '{{}}', '{{}}', 1, 'api',
             max(global_position) + 1 FROM events_v2)sql",
                                  (history_.start + day * domain::kMicrosPerDay) / domain::kMicrosPerSecond + 7'200));
  }

  const History history_{.days = 3, .events_a_day = 96};
  RefreshAggregates task_;
};

TEST_F(RefreshTest, CountsEachHourOnceAndOnlyWhatChanged) {
  EXPECT_EQ(Refreshed({.dry_run = true}), 72);
  EXPECT_EQ(Number("SELECT count(*) FROM events_hourly"), 0);
  EXPECT_EQ(Refreshed(), 72);
  EXPECT_EQ(Number(kDifferences), 0);
  EXPECT_EQ(Refreshed(), 0);
  // Late: in the first day.
  Add(0);
  EXPECT_EQ(Refreshed(), 1);
  EXPECT_EQ(Number(kDifferences), 0);
}

TEST_F(RefreshTest, HoursOfADroppedChunkStay) {
  EXPECT_EQ(Refreshed(), 72);
  history_.DropBefore(database_, 1);
  Add(2);
  EXPECT_EQ(Refreshed(), 1);
  EXPECT_EQ(Number("SELECT sum(events)::bigint FROM events_hourly"), history_.events() + 1);
}

TEST_F(RefreshTest, WhatWasStoppedIsDoneByTheNext) {
  stop_ = true;
  EXPECT_EQ(Refreshed(), 0);
  stop_ = false;
  EXPECT_EQ(Refreshed(), 72);
  EXPECT_EQ(Number(kDifferences), 0);
}

TEST_F(RefreshTest, CountsAnewWhatWasChangedByHand) {
  EXPECT_EQ(Refreshed(), 72);
  database_.Execute(
      "DELETE FROM events_v2 WHERE version % 7 = 0; DELETE FROM events_hourly WHERE event_type = 'type-1'");
  EXPECT_EQ(Refreshed(), 0);
  EXPECT_GT(Number(kDifferences), 0);
  Refreshed({.from_days = -10'000});
  EXPECT_EQ(Number(kDifferences), 0);
}

TEST_F(RefreshTest, AnHourThatLiesInTwoChunksIsCountedWhole) {
  database_.Execute("SELECT set_chunk_time_interval('events_v2', INTERVAL '40 minutes')");
  database_.Execute(R"sql(
    INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                           global_position)
    SELECT gen_random_uuid(), '2020-03-01 00:00Z'::timestamptz + n * interval '5 minutes', gen_random_uuid(), 'entity',
           'Made', '{}', '{}', 1, 'api', 100000 + n FROM generate_series(0, 35) n)sql");
  EXPECT_GT(Refreshed(), 72);
  EXPECT_EQ(Number(kDifferences), 0);
}

class VerifySampleTest : public TasksTest {
 protected:
  void SetUp() override { history_.Insert(database_); }
  const History history_{.days = 2, .events_a_day = 50};
  VerifySample task_{database_.conninfo()};
};

TEST_F(VerifySampleTest, FindsNothingInAStoreThatIsWell) {
  const auto report = Run(task_);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts.at("aggregates"), history_.aggregates);
  EXPECT_EQ(report->counts.at("aggregate_events"), history_.events());
  EXPECT_EQ(report->counts.at("chunk_events"), history_.events_a_day);
}

TEST_F(VerifySampleTest, FindsAHeadThatIsWrong) {
  database_.Execute("UPDATE aggregate_heads SET version = version + 1");
  EXPECT_THAT(Run(task_), HasMessage(HasSubstr("the store does not keep its promises")));
}

TEST_F(VerifySampleTest, FindsAGapInAnOldChunk) {
  database_.Execute("DELETE FROM events_v2 WHERE version = 5");
  EXPECT_THAT(Run(task_), HasMessage(HasSubstr("version 6 follows 4")));
}

TEST_F(VerifySampleTest, FindsADuplicateInTheNewestChunk) {
  database_.Execute(R"sql(
    UPDATE events_v2 SET id = (SELECT id FROM events_v2 ORDER BY timestamp DESC LIMIT 1)
    WHERE timestamp = (SELECT max(timestamp) FROM events_v2 WHERE timestamp < (SELECT max(timestamp) FROM events_v2)))sql");
  EXPECT_THAT(Run(task_), HasMessage(HasSubstr("duplicate_event_id")));
}

TEST_F(VerifySampleTest, AnEmptyStoreIsWell) {
  testing::TestDatabase empty;
  storage::Session session(empty.conninfo(), "test");
  VerifySample task(empty.conninfo());
  TaskContext context{.session = session,
                      .clock = clock_,
                      .parameters = {},
                      .progress = [](const TaskProgress&) {},
                      .stop = [] { return false; }};
  EXPECT_THAT(task.Run(context), IsOk());
}

TEST_F(TasksTest, PruneRunsKeepsTheLastRunAndTheLastSuccessOfEachTask) {
  database_.Execute(R"sql(
    INSERT INTO housekeeper_runs (task, instance, trigger, attempt, started_at, finished_at, status)
    SELECT task, 'a:1', 'schedule', 1, now() - days * interval '1 day', now(), status
    FROM (VALUES ('a', 100, 'succeeded'), ('a', 99, 'succeeded'), ('a', 98, 'failed'), ('a', 97, 'failed'),
                 ('b', 96, 'succeeded'), ('b', 10, 'succeeded'), ('b', 9, 'failed')) v (task, days, status))sql");
  PruneRuns task(90, 400);
  const auto dry = Run(task, {.dry_run = true});
  ASSERT_THAT(dry, IsOk());
  EXPECT_EQ(dry->counts.at("runs_to_forget"), 3);
  EXPECT_EQ(Number("SELECT count(*) FROM housekeeper_runs"), 7);
  ASSERT_THAT(Run(task), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM housekeeper_runs"), 4);
  EXPECT_EQ(Number("SELECT count(*) FROM housekeeper_runs WHERE task = 'a' AND status = 'succeeded'"), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM housekeeper_runs WHERE task = 'a' AND status = 'failed'"), 1);
}

TEST_F(TasksTest, CompressionIsSkippedWhereItCannotBeDone) {
  Compression task(*partitions_, "apache", 7);
  const auto report = Run(task);
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->skipped);
  EXPECT_THAT(report->summary, HasSubstr("cannot compress"));
}

// The Apache edition has the views as well, without anything in them: the statement is right, what it says is not tried.
TEST_F(TasksTest, ThereAreNoNativePoliciesHere) {
  const auto policies = storage::NativePolicies(session_);
  ASSERT_THAT(policies, IsOk());
  EXPECT_TRUE(policies->empty());
}

}  // namespace
}  // namespace eventstore::housekeeping
