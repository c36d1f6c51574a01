#include "server/storage/verifier.h"

#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/embedded/private_postgres.h"
#include "server/storage/migration_set.h"
#include "server/storage/migrator.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"
#include "tests/integration/verifier_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"
#include "tests/support/test_engine.h"

namespace eventstore::storage {
namespace {

using ::eventstore::testing::HasReason;
using ::eventstore::testing::IsOk;
using ::eventstore::testing::TempDir;
using ::eventstore::testing::TestDatabase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(VerifierTest, AnEmptyStoreIsClean) {
  const VerifyReport report = Verify();
  EXPECT_TRUE(report.clean());
  EXPECT_EQ(report.aggregates, 0);
  EXPECT_EQ(report.events, 0);
  EXPECT_EQ(report.chunks, testing::OnNative() ? 3 : 0);  // those that the fixture makes ahead
}

TEST_F(VerifierTest, ACleanStoreIsCountedAndLeftAsItIs) {
  database_.Execute(kCleanStore);
  std::vector<std::string> progress;
  const VerifyReport report = Verify({}, [&](const VerifyProgress& now) {
    progress.push_back(fmt::format("{} {}/{} {}", now.step, now.chunks_done, now.chunks_total, now.events));
  });
  EXPECT_THAT(Texts(report), IsEmpty());
  EXPECT_FALSE(report.more_violations);
  EXPECT_EQ(report.aggregates, 3);
  EXPECT_EQ(report.events, 36);
  EXPECT_EQ(report.chunks, 3);
  EXPECT_EQ(report.aggregates_without_beginning, 0);
  EXPECT_EQ(report.aggregates_without_events, 0);
  EXPECT_THAT(progress, ElementsAre("chunks 0/3 0", "chunks 1/3 12", "chunks 2/3 24", "chunks 3/3 36", "order 3/3 36",
                                    "heads 3/3 36", "duplicates 3/3 36", "directory 3/3 36"));
  EXPECT_EQ(database_.Execute("SELECT count(*) FROM pg_class WHERE relname LIKE 'verify%'")[0][0].as<int>(), 0);
}

TEST_F(VerifierTest, ADatabaseWithoutTheSchemaIsAnError) {
  const TestDatabase empty(TestDatabase::Content::kEmpty);
  EXPECT_THAT(Verifier(empty.conninfo()).Run({}, {}), HasReason(domain::Reason::kStoreIncompatible));
}

TEST_F(VerifierTest, ViolationsSayWhatIsWrong) {
  database_.Execute(kCleanStore);
  database_.Execute(UpdateHead(kSecond, "version = 11"));
  database_.Execute(UpdateEvent(kSecond, 3, "global_position = 1"));
  const VerifyReport report = Verify();
  ASSERT_THAT(report.violations, SizeIs(2));
  EXPECT_EQ(report.violations[0].detail,
            "version 3: time 2026-01-01 12:00:02+00, position 1; the one before it, version 2: time "
            "2026-01-01 06:00:02+00, position 211812352");
  EXPECT_EQ(report.violations[1].detail,
            "head: version 11, first 2026-01-01 00:00:02+00, last 2026-01-03 18:00:02+00; events: versions 1 to 12, "
            "first 2026-01-01 00:00:02+00, last 2026-01-03 18:00:02+00");
}

TEST_F(VerifierTest, NoMoreViolationsAreListedThanAskedFor) {
  database_.Execute(kCleanStore);
  database_.Execute("DELETE FROM events_v2 WHERE version = 3");
  EXPECT_FALSE(Verify({.max_violations = 3}).more_violations);
  EXPECT_TRUE(Verify({.max_violations = 2}).more_violations);
  database_.Execute("DELETE FROM aggregate_heads");
  EXPECT_THAT(Verify({.max_violations = 6}).violations, SizeIs(6));
  EXPECT_FALSE(Verify({.max_violations = 6}).more_violations);
  for (const std::size_t max : {5, 3, 2, 1}) {
    const VerifyReport report = Verify({.max_violations = max});
    EXPECT_THAT(report.violations, SizeIs(max));
    EXPECT_TRUE(report.more_violations);
  }
}

TEST_F(VerifierTest, WhatRetentionDroppedIsNoViolation) {
  database_.Execute(kCleanStore);
  database_.Execute(R"sql(
      -- An aggregate of the first day alone.
      INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                             global_position)
      VALUES (gen_random_uuid(), '2026-01-01', lpad('4', 32, '0')::uuid, 'entity', 'test', '{}', '{}', 1, 'api', 1);
      INSERT INTO aggregate_heads VALUES (lpad('4', 32, '0')::uuid, 1, '2026-01-01', '2026-01-01'))sql");
  DropBeforeDay(2);
  VerifyReport report = Verify();
  EXPECT_THAT(Texts(report), IsEmpty());
  EXPECT_EQ(report.aggregates, 4);
  EXPECT_EQ(report.aggregates_without_beginning, 3);
  EXPECT_EQ(report.aggregates_without_events, 1);
  EXPECT_EQ(report.events, 24);

  DropBeforeDay(366);
  report = Verify();
  EXPECT_THAT(Texts(report), IsEmpty());
  EXPECT_EQ(report.aggregates_without_events, 4);
  EXPECT_EQ(report.chunks, 0);
}

TEST_F(VerifierTest, WhatRetentionLeavesIsStillChecked) {
  database_.Execute(kCleanStore);
  DropBeforeDay(2);
  database_.Execute(DeleteEvents(kSecond, "version = 12"));
  database_.Execute(DeleteEvents(kThird, "version = 7"));
  EXPECT_THAT(Texts(Verify()), ElementsAre(Of("version_gap", kThird, "6-8"), Of("head_last_timestamp", kSecond, "5-11"),
                                           Of("head_version", kSecond, "5-11")));
}

// What is appended while the verifier runs belongs to another moment: neither counted nor taken for a violation.
TEST_F(VerifierTest, ALiveStoreIsCheckedAsOfOneMoment) {
  database_.Execute(kCleanStore);
  const VerifyReport report = Verify({}, [&](const VerifyProgress& now) {
    if (std::string(now.step) != "chunks" || now.chunks_done == 0) return;
    const int version = 12 + now.chunks_done;
    database_.Execute(
        CopyEvent(kSecond, version - 1,
                  {.timestamp = "timestamp + interval '1 m'",
                   .version = "version + 1",
                   .global_position = "global_position + (100 << 20)"}) +
        UpdateHead(kSecond, fmt::format("version = {}, last_timestamp = last_timestamp + interval '1 m'", version)));
  });
  EXPECT_THAT(Texts(report), IsEmpty());
  EXPECT_EQ(report.events, 36);
  const VerifyReport after = Verify();
  EXPECT_THAT(Texts(after), IsEmpty());
  EXPECT_EQ(after.events, 39);
}

// A transaction id held for the length of the check would hold up every subscriber.
TEST_F(VerifierTest, HoldsASnapshotButNoTransactionId) {
  database_.Execute(kCleanStore);
  Session observer(database_.conninfo(), "test");
  ASSERT_THAT(observer.EnsureConnected(), IsOk());
  int seen = 0;
  Verify({}, [&](const VerifyProgress&) {
    auto rows = observer.RunText(
        "SELECT count(*) FILTER (WHERE backend_xmin IS NOT NULL), count(*) FILTER (WHERE backend_xid IS NOT NULL) FROM "
        "pg_stat_activity WHERE application_name LIKE $1 AND datname = current_database()",
        {"eventstored verifier%"});
    ASSERT_THAT(rows, IsOk());
    EXPECT_EQ((*rows)[0][0].as<int>(), 1);
    EXPECT_EQ((*rows)[0][1].as<int>(), 0);
    ++seen;
  });
  EXPECT_EQ(seen, 8);
}

TEST_F(VerifierTest, AChunkDroppedMeanwhileCountsAsDroppedBefore) {
  database_.Execute(kCleanStore);
  const VerifyReport report = Verify({}, [&](const VerifyProgress& now) {
    if (std::string(now.step) == "chunks" && now.chunks_done == 0) {
      DropBeforeDay(2);
    }
  });
  EXPECT_THAT(Texts(report), IsEmpty());
  EXPECT_EQ(report.chunks_dropped_meanwhile, 1);
  EXPECT_EQ(report.chunks, 2);
  EXPECT_EQ(report.events, 24);
  EXPECT_EQ(report.aggregates_without_beginning, 3);
}

// With a lock table as small as PostgreSQL makes it, 150 chunks are what thousands are with its default.
TEST(VerifierLocksTest, MoreChunksThanOneStatementCanLockAreFine) {
  constexpr int kDays = 150;
  const TempDir folder;
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder.path() + "/postgres";
  options.durable = false;
  options.shared_buffers_mb = 64;
  options.max_connections = 10;
  options.max_locks_per_transaction = 10;
  options.extra_settings = {{"max_worker_processes", "4"}, {"max_wal_senders", "0"}};
  auto postgres = embedded::PrivatePostgres::Start(options);
  ASSERT_THAT(postgres, IsOk());
  const std::string& conninfo = (*postgres)->conninfo();
  ASSERT_THAT(Migrator(conninfo, testing::TestMigrations()).Up({}, {}), IsOk());

  Session session(conninfo, "test");
  ASSERT_THAT(
      testing::TestEngine().partitions("")->Ensure(session, {kJanuary, kJanuary + kDays * domain::kMicrosPerDay}),
      testing::IsOk());
  for (int day = 0; day < kDays; ++day) {  // a transaction each: making a chunk takes locks as well
    ASSERT_THAT(session.RunText(R"sql(
        INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                               global_position)
        SELECT gen_random_uuid(), '2026-01-01'::timestamptz + $1::integer * interval '1 day', lpad('1', 32, '0')::uuid,
               'entity', 'test', '{}', '{}', $1::integer + 1, 'api', ($1::integer + 1)::bigint << 20)sql",
                                {fmt::format("{}", day)}),
                IsOk());
  }
  ASSERT_THAT(
      session.RunText("INSERT INTO aggregate_heads VALUES (lpad('1', 32, '0')::uuid, $1::integer, '2026-01-01', "
                      "'2026-01-01'::timestamptz + ($1::integer - 1) * interval '1 day')",
                      {fmt::format("{}", kDays)}),
      IsOk());
  const auto plain = session.RunText("SELECT count(*) FROM events_v2", {}).status();
  EXPECT_EQ(SqlStateOf(plain), "53200") << "the limit is not there, so this test proves nothing";

  auto report = Verifier(conninfo).Run({}, {});
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(Texts(*report), IsEmpty());
  // An engine that makes partitions ahead has two more, of yesterday and today; three when midnight has passed.
  EXPECT_GE(report->chunks, kDays);
  EXPECT_LE(report->chunks, kDays + (testing::OnNative() ? 3 : 0));
  EXPECT_EQ(report->events, kDays);
}

}  // namespace
}  // namespace eventstore::storage
