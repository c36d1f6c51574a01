// Records and histories that are over are archived, and then go; the rest stays.
#include "server/housekeeping/tasks/record_retention.h"

#include <map>

#include "fmt/format.h"
#include "server/archive/folder.h"
#include "server/housekeeping/tasks/compression.h"
#include "server/housekeeping/tasks/partition_maintenance.h"
#include "server/storage/operations/change_feed.h"
#include "server/storage/operations/time_tables.h"
#include "server/storage/store_identity.h"
#include "tests/integration/operations/operations_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordRetentionTest : public OperationsTest {
 protected:
  static constexpr int kRows = 25;  // of each table

  // A hundred days with nothing in the middle, of which the first are over.
  void SetUp() override {
    EnsureDays(-100, -88);
    EnsureDays(-13, 0);
    database_.Execute(
        "INSERT INTO execution (action_ref, created, parameters) SELECT 'a' || i, now() - i * interval '1 day', "
        "jsonb_build_object('text', E'line\\nbreak \"quoted\"', 'global_position', i) FROM generate_series(0, 99) i "
        "WHERE i <= 12 OR i >= 88;"
        "INSERT INTO event (trigger_ref, created) SELECT 't', now() - i * interval '1 day' "
        "FROM generate_series(0, 99) i WHERE i <= 12 OR i >= 88;"
        "WITH gone AS (DELETE FROM execution_history RETURNING entity_id, entity_ref, changed_fields, new_values, "
        "position) "
        "INSERT INTO execution_history (time, operation, entity_id, entity_ref, changed_fields, new_values, position) "
        "SELECT now() - interval '95 days', 'INSERT', entity_id, entity_ref, changed_fields, new_values, position FROM "
        "gone");
  }

  housekeeping::RetentionOptions Options() const {
    housekeeping::RetentionOptions options;
    options.archive_dir = folder_.path() + "/archive";
    options.lock_timeout = std::chrono::milliseconds(50);
    return options;
  }

  absl::StatusOr<housekeeping::TaskReport> Run(const housekeeping::RetentionOptions& options,
                                               housekeeping::TaskParameters parameters = {}) {
    housekeeping::RecordRetention task(options);
    return RunTask(task, parameters);
  }

  absl::StatusOr<housekeeping::TaskReport> RunTask(housekeeping::Task& task,
                                                   housekeeping::TaskParameters parameters = {}) {
    storage::Session session(database_.conninfo(), "housekeeper");
    housekeeping::TaskContext context{session, clock_, parameters, [](const housekeeping::TaskProgress&) {},
                                      [] { return false; }};
    return task.Run(context);
  }

  std::vector<archive::Entry> Files() const {
    auto folder = archive::Folder::OpenToRead(folder_.path() + "/archive");
    if (!folder.ok()) return {};
    auto entries = folder->List();
    EXPECT_THAT(entries, IsOk());
    return *entries;
  }

  TempDir folder_;
  storage::ChunkCatalog chunks_;
};

TEST_F(RecordRetentionTest, WhatIsOverGoesAndIsInTheArchive) {
  const std::string over =
      "created < date_trunc('day', now() at time zone 'UTC') at time zone 'UTC' - interval '90 days'";
  const std::int64_t executions = Number("SELECT count(*) FROM execution WHERE " + over);
  ASSERT_GE(executions, 8);
  const std::string kept =
      Text("SELECT md5(string_agg(e::text, ',' ORDER BY created)) FROM execution e WHERE NOT " + over);
  auto report = Run(Options());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM execution WHERE " + over), 0);
  EXPECT_EQ(Text("SELECT md5(string_agg(e::text, ',' ORDER BY created)) FROM execution e"), kept);
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history"), 0);
  EXPECT_EQ(report->counts["rows_archived"], report->counts["rows_dropped"]);
  auto folder = archive::Folder::OpenToRead(folder_.path() + "/archive");
  ASSERT_THAT(folder, IsOk());
  std::map<std::string, std::int64_t> rows;
  std::string first;
  for (const auto& entry : Files()) {
    auto whole = folder->Verify(entry.file, [&](std::string_view line) {
      if (entry.manifest.header.table == "execution" && first.empty()) first = line;
      return absl::OkStatus();
    });
    ASSERT_THAT(whole, IsOk()) << entry.file;
    rows[whole->header.table] += whole->footer.events;
  }
  EXPECT_EQ(rows["execution"], executions);
  EXPECT_EQ(rows["event"], executions);
  EXPECT_EQ(rows["execution_history"], kRows);
  EXPECT_EQ(rows.count("worker_history"), 0U);
  // A line gives the row back.
  EXPECT_EQ(Text(fmt::format(
                "SELECT (jsonb_populate_record(NULL::execution, $line${}$line$::jsonb)).parameters ->> 'text'", first)),
            "line\nbreak \"quoted\"");
  EXPECT_EQ(Number("SELECT count(*) FROM archived_rows WHERE dropped_at IS NULL"), 0);
  // Once more does nothing.
  report = Run(Options());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 0);
}

TEST_F(RecordRetentionTest, NothingIsDroppedBeforeItIsArchived) {
  for (const char* step : {"write", "read back", "write manifest", "name file", "note archive", "drop", "commit"}) {
    auto options = Options();
    options.before = [step](const char* at) {
      return std::string_view(at) == step ? absl::AbortedError("killed") : absl::OkStatus();
    };
    EXPECT_FALSE(Run(options).ok()) << step;
    EXPECT_EQ(Number("SELECT count(*) FROM execution"), kRows) << step;
    EXPECT_EQ(Number("SELECT count(*) FROM event"), kRows) << step;
  }
  EXPECT_THAT(Run(Options()), IsOk());
  EXPECT_LT(Number("SELECT count(*) FROM execution"), kRows - 7);
}

TEST_F(RecordRetentionTest, WithoutAFolderNothingGoesAndTheRunSaysSo) {
  auto options = Options();
  options.archive_dir.clear();
  auto report = Run(options);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), kRows);
  EXPECT_GT(report->counts["partitions_waiting"], 15);
  EXPECT_THAT(report->summary, HasSubstr("no folder"));
  options.archive = false;
  ASSERT_THAT(Run(options), IsOk());
  EXPECT_LT(Number("SELECT count(*) FROM execution"), kRows - 7);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(RecordRetentionTest, SettingsAreTheTablesOwn) {
  database_.Execute(
      "UPDATE time_tables SET retention_days = NULL WHERE table_name = 'event';"
      "UPDATE time_tables SET retention_days = 10 WHERE table_name = 'execution'");
  auto dry = Run(Options(), {.dry_run = true});
  ASSERT_THAT(dry, IsOk());
  EXPECT_GT(dry->counts["partitions_to_drop"], 11);
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), kRows);
  ASSERT_THAT(Run(Options()), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM event"), kRows);
  EXPECT_LE(Number("SELECT count(*) FROM execution"), 11);
}

TEST_F(RecordRetentionTest, AWatcherThatWasBehindIsTold) {
  const domain::TimeMicros old = clock_.Now() - 98 * domain::kMicrosPerDay;
  EXPECT_THAT(storage::CheckNotDropped(session_, {0, old}), IsOk());
  ASSERT_THAT(Run(Options()), IsOk());
  EXPECT_EQ(ReasonOf(storage::CheckNotDropped(session_, {0, old})), domain::Reason::kEventsDropped);
  EXPECT_THAT(storage::CheckNotDropped(session_, {0, clock_.Now()}), IsOk());
}

TEST_F(RecordRetentionTest, AChunkThatIsLockedWaits) {
  storage::Session reader(database_.conninfo(), "reader");
  ASSERT_THAT(reader.RunScript("BEGIN; LOCK TABLE execution IN ACCESS SHARE MODE; SELECT count(*) FROM execution"),
              IsOk());
  auto report = Run(Options());
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), kRows);
  EXPECT_THAT(report->summary, HasSubstr("locks it"));
  EXPECT_LT(Number("SELECT count(*) FROM event"), kRows - 7);
  ASSERT_THAT(reader.RunScript("COMMIT"), IsOk());
  ASSERT_THAT(Run(Options()), IsOk());
  EXPECT_LT(Number("SELECT count(*) FROM execution"), kRows - 7);
}

TEST_F(RecordRetentionTest, MaintenanceMakesTheDaysToCome) {
  auto identity = storage::EnsureIdentity(session_, chunks_);
  ASSERT_THAT(identity, IsOk());
  const auto partitions = TestEngine().partitions(identity->edition);
  housekeeping::PartitionMaintenance task(*partitions, identity->edition);
  auto report = RunTask(task, {.to_days = 60});
  ASSERT_THAT(report, IsOk());
  if (!partitions->made_ahead()) return;
  EXPECT_GT(report->counts["record_partitions_created"], 4 * 25);
  database_.Execute("INSERT INTO execution (action_ref, created) VALUES ('later', now() + interval '59 days')");
  EXPECT_EQ(RunTask(task, {.to_days = 60})->counts["record_partitions_created"], 0);
}

TEST_F(RecordRetentionTest, CompressedWhereTheEditionCan) {
  auto identity = storage::EnsureIdentity(session_, chunks_);
  ASSERT_THAT(identity, IsOk());
  const auto partitions = TestEngine().partitions(identity->edition);
  housekeeping::Compression task(*partitions, identity->edition, 0);
  auto report = RunTask(task);
  ASSERT_THAT(report, IsOk());
  if (!partitions->compresses()) {
    EXPECT_TRUE(report->skipped);
    return;
  }
  EXPECT_GT(report->counts["record_partitions_compressed"], 2 * 14);
  EXPECT_EQ(Number("SELECT count(*) FROM execution WHERE action_ref LIKE 'a%'"), kRows);
  EXPECT_EQ(RunTask(task)->counts["record_partitions_compressed"], 0);
  ASSERT_THAT(Run(Options()), IsOk());
  EXPECT_LT(Number("SELECT count(*) FROM execution"), kRows - 7);
}

}  // namespace
}  // namespace eventstore::testing
