#include "server/storage/migrator.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/embedded/private_postgres.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_cluster.h"
#include "tests/support/test_database.h"
#include "tests/support/test_engine.h"

namespace eventstore::storage {
namespace {

using domain::Reason;
using ::eventstore::testing::HasMessage;
using ::eventstore::testing::HasReason;
using ::eventstore::testing::IsOk;
using ::eventstore::testing::OnNative;
using ::eventstore::testing::TempDir;
using ::eventstore::testing::TestDatabase;
using ::eventstore::testing::TestEngine;
using ::eventstore::testing::TestMigrations;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

MigrationSet SetOf(const std::vector<SqlFile>& files) { return MigrationSet::Merge(TestEngine().name, files).value(); }

MigrationSet Embedded() { return TestMigrations(); }

// Everything of a database that a migration could change, as text.
std::string Fingerprint(const TestDatabase& database) {
  std::string text;
  for (const auto& row : database.Execute("SELECT oid::regclass || relkind::text FROM pg_class "
                                          "WHERE relnamespace = 'public'::regnamespace UNION ALL "
                                          "SELECT extname || extversion FROM pg_extension UNION ALL "
                                          "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
                                          "ORDER BY 1")) {
    text += std::string(row[0].c_str()) + "\n";
  }
  return text;
}

class MigratorTest : public ::testing::Test {
 protected:
  absl::StatusOr<MigrationStatus> Up(MigrationSet set, const MigrationOptions& options = {}) {
    return Migrator(database_.conninfo(), std::move(set)).Up(options, {});
  }
  absl::StatusOr<MigrationStatus> Status(MigrationSet set) {
    return Migrator(database_.conninfo(), std::move(set)).Status();
  }
  std::string Ask(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }

  // Refused by both calls, with this in the message, and nothing changed.
  void ExpectRefused(const MigrationSet& set, const std::string& message) {
    const std::string before = Fingerprint(database_);
    EXPECT_THAT(Status(set), AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr(message))));
    EXPECT_THAT(Up(set), AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr(message))));
    EXPECT_EQ(Fingerprint(database_), before);
  }

  TestDatabase database_{TestDatabase::Content::kEmpty};
};

TEST_F(MigratorTest, AnEmptyDatabaseGetsTheWholeSchema) {
  std::vector<std::string> seen;
  auto status = Migrator(database_.conninfo(), Embedded())
                    .Up({.lanes = 3}, [&](const MigrationState& state, int done, int total) {
                      EXPECT_EQ(total, static_cast<int>(Embedded().migrations().size()));
                      seen.push_back(fmt::format("{} {} {}", state.number, state.applied, done));
                    });
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->engine, TestEngine().name);
  EXPECT_EQ(status->pending, 0);
  EXPECT_THAT(status->migrations, SizeIs(Embedded().migrations().size()));
  for (const MigrationState& state : status->migrations) {
    EXPECT_TRUE(state.applied);
    EXPECT_THAT(state.applied_at, ::testing::MatchesRegex("....-..-..T..:..:..Z"));
    EXPECT_GE(state.duration_ms, 0);
    seen.erase(seen.begin());  // begun
    EXPECT_EQ(seen.front(), fmt::format("{} true {}", state.number, state.number));
    seen.erase(seen.begin());
  }
  EXPECT_EQ(Ask("SELECT engine FROM store_identity"), TestEngine().name);
  EXPECT_EQ(Ask("SELECT edition FROM store_identity"), status->edition);
  EXPECT_EQ(OnNative() ? "" : Ask("SELECT current_setting('timescaledb.license')"), status->edition);
  EXPECT_EQ(Ask("SELECT lanes FROM store_identity"), "3");
  EXPECT_EQ(OnNative()
                ? Ask("SELECT count(*) FROM pg_partitioned_table WHERE partrelid = 'events_v2'::regclass")
                : Ask("SELECT count(*) FROM timescaledb_information.hypertables WHERE hypertable_name = 'events_v2'"),
            "1");
  // The primary key and seven more.
  EXPECT_EQ(Ask("SELECT count(*) FROM pg_index WHERE indrelid = 'events_v2'::regclass"), "8");
}

TEST_F(MigratorTest, TheChunkIntervalIsASetting) {
  ASSERT_THAT(Up(Embedded(), {.chunk_interval = "7 days"}), IsOk());
  EXPECT_EQ(OnNative() ? Ask("SELECT interval_us / 86400000000 || ' days' FROM events_v2_partitioning")
                       : Ask("SELECT time_interval FROM timescaledb_information.dimensions "
                             "WHERE hypertable_name = 'events_v2'"),
            "7 days");
}

TEST_F(MigratorTest, StatusOfAnEmptyDatabaseCreatesNothing) {
  const std::string before = Fingerprint(database_);
  auto status = Status(Embedded());
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->pending, static_cast<int>(Embedded().migrations().size()));
  EXPECT_EQ(status->edition, "");
  EXPECT_NE(status->extension_version, "");
  EXPECT_EQ(Fingerprint(database_), before);
}

TEST_F(MigratorTest, OnlyWhatIsPendingIsApplied) {
  const SqlFile first{"0001_first.sql", "CREATE TABLE first (n serial); INSERT INTO first DEFAULT VALUES"};
  const SqlFile second{"0002_second.sql", "CREATE TABLE second (); INSERT INTO first DEFAULT VALUES"};
  ASSERT_THAT(Up(SetOf({first})), IsOk());
  auto between = Status(SetOf({first, second}));
  ASSERT_THAT(between, IsOk());
  EXPECT_EQ(between->pending, 1);
  EXPECT_TRUE(between->migrations[0].applied);
  EXPECT_FALSE(between->migrations[1].applied);
  ASSERT_THAT(Up(SetOf({first, second})), IsOk());
  ASSERT_THAT(Up(SetOf({first, second})), IsOk());
  EXPECT_EQ(Ask("SELECT count(*) FROM first"), "2");
}

TEST_F(MigratorTest, AFailedMigrationLeavesTheOneBeforeIt) {
  const SqlFile good{"0001_good.sql", "CREATE TABLE good ()"};
  const SqlFile bad{"0002_bad.sql", "CREATE TABLE half (); SELECT 1 / 0"};
  EXPECT_THAT(Up(SetOf({good, bad})), HasMessage(AllOf(HasSubstr("migration 0002_bad failed and was rolled back"),
                                                       HasSubstr("division by zero"))));
  EXPECT_EQ(Ask("SELECT to_regclass('half') IS NULL"), "t");
  EXPECT_EQ(Ask("SELECT max(number) FROM schema_migrations"), "1");
  const SqlFile mended{"0002_bad.sql", "CREATE TABLE half ()"};
  EXPECT_THAT(Up(SetOf({good, mended})), IsOk());
}

TEST_F(MigratorTest, AFailedFirstMigrationLeavesNothing) {
  const std::string before = Fingerprint(database_);
  EXPECT_THAT(Up(SetOf({{"0001_bad.sql", "CREATE TABLE half (); SELECT 1 / 0"}})),
              HasMessage(HasSubstr("migration 0001_bad failed")));
  EXPECT_EQ(Fingerprint(database_), before);
}

TEST_F(MigratorTest, ANewerDatabaseIsRefused) {
  const SqlFile first{"0001_first.sql", "CREATE TABLE first ()"};
  ASSERT_THAT(Up(SetOf({first, {"0002_second.sql", "CREATE TABLE second ()"}})), IsOk());
  ExpectRefused(SetOf({first}), "it has migration 0002_second, this program knows up to 0001");
}

TEST_F(MigratorTest, AnAlteredMigrationIsRefused) {
  const MigrationSet original = SetOf({{"0001_first.sql", "CREATE TABLE first ()"}});
  const MigrationSet altered = SetOf({{"0001_first.sql", "CREATE TABLE first ( )"}, {"0002_second.sql", ""}});
  ASSERT_THAT(Up(original), IsOk());
  ExpectRefused(altered, fmt::format("migration 0001_first was applied with checksum {}, but in this program it has {}",
                                     original.migrations()[0].checksum, altered.migrations()[0].checksum));
}

TEST_F(MigratorTest, AGapIsRefused) {
  const MigrationSet set =
      SetOf({{"0001_a.sql", ""}, {"0002_b.sql", ""}, {"0003_c.sql", ""}, {"0004_d.sql", "CREATE TABLE d ()"}});
  ASSERT_THAT(Up(SetOf({{"0001_a.sql", ""}, {"0002_b.sql", ""}, {"0003_c.sql", ""}})), IsOk());
  database_.Execute("DELETE FROM schema_migrations WHERE number = 2");
  ExpectRefused(set, "lists migration 0003 but not 0002");
}

TEST_F(MigratorTest, AStoreOfAnotherEngineIsRefused) {
  ASSERT_THAT(Up(Embedded()), IsOk());
  const std::string other = OnNative() ? kTimescaleEngine : kNativeEngine;
  ExpectRefused(MigrationSet::Embedded(other).value(),
                fmt::format("made with engine {} and cannot be served with engine {}", TestEngine().name, other));
}

// Of the extension alone: not run for another engine (cmake/EventstoreTest.cmake).
class TimescaledbMigratorTest : public MigratorTest {};

TEST_F(TimescaledbMigratorTest, ADatabaseOfAnotherLibraryVersionIsRefused) {
  ASSERT_THAT(Up(Embedded()), IsOk());
  // What a package upgrade leaves: the catalogue names a library that is gone, and no statement works any more.
  Session session(database_.conninfo(), "test");
  ASSERT_THAT(session.RunScript("UPDATE pg_extension SET extversion = '2.13.99' WHERE extname = 'timescaledb'"),
              IsOk());
  session.Disconnect();
  EXPECT_THAT(Status(Embedded()), AllOf(HasReason(Reason::kStoreIncompatible),
                                        HasMessage(HasSubstr("ALTER EXTENSION timescaledb UPDATE"))));
  EXPECT_THAT(Up(Embedded()), HasReason(Reason::kStoreIncompatible));
}

TEST_F(TimescaledbMigratorTest, AChangedEditionIsRecorded) {
  ASSERT_THAT(Up(Embedded()), IsOk());
  const std::string real = Ask("SELECT current_setting('timescaledb.license')");
  database_.Execute("UPDATE store_identity SET edition = 'other'");
  ASSERT_THAT(Status(Embedded()), IsOk());
  EXPECT_EQ(Ask("SELECT edition FROM store_identity"), "other");
  ASSERT_THAT(Up(Embedded()), IsOk());
  EXPECT_EQ(Ask("SELECT edition FROM store_identity"), real);
}

TEST_F(MigratorTest, OfSeveralInstancesOneMigrates) {
  // Creating a table that is there fails, so a second run of any migration would show.
  const MigrationSet set = SetOf({{"0001_a.sql", "CREATE TABLE a (); SELECT pg_sleep(0.2)"},
                                  {"0002_b.sql", "CREATE TABLE b (); SELECT pg_sleep(0.2)"}});
  constexpr int kInstances = 6;
  std::vector<int> applied(kInstances);
  std::vector<absl::Status> statuses(kInstances);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kInstances; ++i) {
    threads.emplace_back([&, i] {
      auto status = Migrator(database_.conninfo(), set).Up({}, [&](const MigrationState& state, int, int) {
        if (state.applied) ++applied[i];
      });
      statuses[i] = status.status();
      if (status.ok()) {
        EXPECT_EQ(status->pending, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) EXPECT_THAT(status, IsOk());
  std::ranges::sort(applied);
  EXPECT_THAT(applied, ElementsAre(0, 0, 0, 0, 0, 2));
}

TEST_F(MigratorTest, WaitingForAnotherInstanceIsBoundedAndSaidAloud) {
  Session other(database_.conninfo(), "test");
  ASSERT_THAT(other.RunText("SELECT pg_advisory_lock($1)", {"7311157988971603826"}), IsOk());
  const std::string before = Fingerprint(database_);
  std::vector<std::string> notices;
  EXPECT_THAT(Up(Embedded(), {.lock_wait = std::chrono::milliseconds(50),
                              .notice = [&](const std::string& text) { notices.push_back(text); }}),
              AllOf(HasReason(Reason::kDatabaseUnavailable), HasMessage(HasSubstr("for more than 50ms"))));
  EXPECT_THAT(notices, ElementsAre(HasSubstr(fmt::format("backend {}, eventstored test", other.backend_pid()))));
  EXPECT_EQ(Fingerprint(database_), before);
  other.Disconnect();
  EXPECT_THAT(Up(Embedded()), IsOk());
}

TEST_F(MigratorTest, AnInstanceKilledInTheMiddleLeavesTheMigrationBefore) {
  const MigrationSet set = SetOf({{"0001_a.sql", "CREATE TABLE a ()"},
                                  {"0002_b.sql", "CREATE TABLE b (); SELECT pg_terminate_backend(pg_backend_pid())"}});
  EXPECT_THAT(Up(set),
              AllOf(HasReason(Reason::kDatabaseUnavailable), HasMessage(HasSubstr("migration 0002_b failed"))));
  EXPECT_EQ(Ask("SELECT to_regclass('b') IS NULL"), "t");
  auto status = Status(set);
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->pending, 1);
}

TEST(TimescaledbMigratorServerTest, APostgresWithoutThePreloadedLibraryIsRefused) {
  const TempDir folder;
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder.path() + "/postgres";
  options.durable = false;
  options.shared_buffers_mb = 64;
  options.extra_settings = {{"shared_preload_libraries", ""}};
  auto postgres = embedded::PrivatePostgres::Start(options);
  ASSERT_THAT(postgres, IsOk());
  Migrator migrator((*postgres)->conninfo(), Embedded());
  EXPECT_THAT(migrator.Up({}, {}), AllOf(HasReason(Reason::kStoreIncompatible),
                                         HasMessage(HasSubstr("add timescaledb to shared_preload_libraries"))));
  Session session((*postgres)->conninfo(), "test");
  auto tables = session.RunText("SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace", {});
  ASSERT_THAT(tables, IsOk());
  EXPECT_TRUE(tables->empty());
}

}  // namespace
}  // namespace eventstore::storage
