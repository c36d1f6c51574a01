// Which engine a database gets, and that it keeps it.
#include "server/storage/engines/engine.h"

#include "gmock/gmock.h"
#include "server/embedded/private_postgres.h"
#include "server/storage/migrator.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using storage::ChooseEngine;
using storage::MigrationSet;
using storage::Migrator;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<storage::MigrationStatus> Up(const std::string& conninfo, const std::string& engine,
                                            const storage::MigrationOptions& options = {}) {
  return Migrator(conninfo, MigrationSet::Embedded(engine).value()).Up(options, {});
}

TEST(EngineTest, ANewDatabaseGetsWhatIsWantedOrWhatFits) {
  const TestDatabase database(TestDatabase::Content::kEmpty);
  EXPECT_EQ(ChooseEngine(database.conninfo(), "").value(), "timescaledb");
  EXPECT_EQ(ChooseEngine(database.conninfo(), "native").value(), "native");
}

TEST(EngineTest, AStoreKeepsItsEngine) {
  const TestDatabase database(TestDatabase::Content::kEmpty);
  const auto up = Up(database.conninfo(), "native");
  ASSERT_THAT(up, IsOk());
  EXPECT_EQ(up->engine, "native");
  EXPECT_EQ(up->edition, "");
  EXPECT_EQ(ChooseEngine(database.conninfo(), "").value(), "native");
  EXPECT_EQ(ChooseEngine(database.conninfo(), "native").value(), "native");
  const auto refused =
      AllOf(HasReason(domain::Reason::kStoreIncompatible),
            HasMessage(HasSubstr("made with engine native and cannot be served with engine timescaledb")));
  EXPECT_THAT(ChooseEngine(database.conninfo(), "timescaledb"), refused);
  EXPECT_THAT(Up(database.conninfo(), "timescaledb"), refused);
  // Yesterday's, today's and those of 30 days; one more when midnight passed meanwhile.
  const auto days = database.Execute(
      "SELECT count(*), min(range_start) < now() - interval '1 day', max(range_end) > now() + interval '29 days' "
      "FROM events_v2_partitions");
  EXPECT_EQ(days[0][0].as<int>(), 32);
  EXPECT_TRUE(days[0][1].as<bool>());
  EXPECT_TRUE(days[0][2].as<bool>());
  // Nothing of TimescaleDB was put into it.
  EXPECT_EQ(database.Execute("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'")[0][0].as<int>(), 0);
}

TEST(EngineTest, AnEngineThatIsNotKnownIsSaid) {
  const TestDatabase database;
  database.Execute("UPDATE store_identity SET engine = 'citus'");
  storage::Session session(database.conninfo(), "test");
  storage::ChunkCatalog chunks;
  EXPECT_THAT(chunks.All(session),
              AllOf(HasReason(domain::Reason::kStoreIncompatible), HasMessage(HasSubstr("\"citus\""))));
}

TEST(EngineTest, TheIntervalOfPartitionsIsASetting) {
  const TestDatabase database(TestDatabase::Content::kEmpty);
  ASSERT_THAT(Up(database.conninfo(), "native", {.chunk_interval = "7 days"}), IsOk());
  const auto rows = database.Execute(
      "SELECT count(*), bool_and(range_end - range_start = interval '7 days'), min(range_start) <= now() - interval '1 "
      "day', "
      "max(range_end) > now() + interval '30 days' FROM events_v2_partitions");
  EXPECT_GE(rows[0][0].as<int>(), 5);
  EXPECT_LE(rows[0][0].as<int>(), 6);
  for (const int column : {1, 2, 3}) EXPECT_TRUE(rows[0][column].as<bool>()) << column;
  Instance instance(database.conninfo());
  EXPECT_THAT(instance.Append(One(AggregateIn(0), domain::VersionCheck::Exact(0), {Event(1)})), IsOk());
  EXPECT_EQ(ExpectVerified(database.conninfo()), 1);
}

// What DATABASE_URL may point to: a PostgreSQL that does not even load the library.
TEST(EngineTest, APlainPostgresqlHoldsANativeStore) {
  const TempDir folder;
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder.path() + "/postgres";
  options.durable = false;
  options.shared_buffers_mb = 64;
  options.extra_settings = {{"shared_preload_libraries", ""}};
  auto postgres = embedded::PrivatePostgres::Start(options);
  ASSERT_THAT(postgres, IsOk());
  const std::string& conninfo = (*postgres)->conninfo();
  // Installed and not loaded: that is said, and what else there is.
  ASSERT_EQ(ChooseEngine(conninfo, "").value(), "timescaledb");
  EXPECT_THAT(Up(conninfo, "timescaledb"), HasMessage(HasSubstr("or choose engine native")));
  ASSERT_THAT(Up(conninfo, "native"), IsOk());
  Instance instance(conninfo);
  EXPECT_THAT(instance.Append(One(AggregateIn(0), domain::VersionCheck::Exact(0), {Event(1), Event(2)})), IsOk());
  storage::Session session(conninfo, "test");
  auto daily = session.RunText("SELECT sum(events) FROM events_daily", {});
  ASSERT_THAT(daily, IsOk());
  EXPECT_EQ((*daily)[0][0].as<int>(), 2);
  auto stream = session.RunText("SELECT count(*) FROM get_aggregate_stream($1::uuid)", {AggregateIn(0).ToString()});
  ASSERT_THAT(stream, IsOk());
  EXPECT_EQ((*stream)[0][0].as<int>(), 2);
  EXPECT_EQ(ExpectVerified(conninfo), 2);
}

}  // namespace
}  // namespace eventstore::testing
