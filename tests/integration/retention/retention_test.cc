// Retention on a real store: what goes, what stays, what is said of it.
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "tests/integration/retention/retention_fixture.h"
#include "tests/integration/store/eventually.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::Contains;
using ::testing::HasSubstr;

TEST_F(RetentionTest, IsOffByDefault) {
  const History history = Past(5, 30);
  history.Insert(database_);
  Close();
  auto report = Run(Options(0));
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->summary, HasSubstr("off"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 150);
  EXPECT_FALSE(std::filesystem::exists(archive_dir()));
}

TEST_F(RetentionTest, ArchivesThenDropsWhatIsOver) {
  const History history = Past(6, 30);
  history.Insert(database_);
  Close();
  auto report = Run(Options(2));
  ASSERT_THAT(report, IsOk());
  // The chunk that ended exactly two days ago is over.
  EXPECT_EQ(report->counts["partitions_dropped"], 4) << report->summary;
  EXPECT_EQ(report->counts["partitions_waiting"], 0) << report->summary;
  EXPECT_EQ(report->counts["events_archived"], 120);
  EXPECT_EQ(report->counts["events_dropped"], 120);
  EXPECT_GT(report->counts["bytes_freed"], 0);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 60);
  EXPECT_EQ(Files().size(), 4U);
  EXPECT_EQ(ExpectArchiveWhole(), 120);
  EXPECT_EQ(Number("SELECT count(*) FROM archived_chunks WHERE gone"), 4);
  EXPECT_EQ(Number("SELECT count(*) FROM closed_chunks"), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM chunk_users WHERE range_start NOT IN (SELECT range_start FROM closed_chunks)"),
            0);
  struct stat facts{};
  ASSERT_EQ(stat(archive_dir().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700U);
  for (const auto& file : std::filesystem::directory_iterator(archive_dir())) {
    ASSERT_EQ(stat(file.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600U) << file.path();
  }
  EXPECT_THAT(told_, Contains(HasSubstr("events/s")));
  // Heads stay and say what is missing; versions go on.
  storage::AggregateCursor cursor(Stream(0), chunks_);
  EXPECT_EQ(Read(cursor).size(), 20U);
  EXPECT_EQ(cursor.first_available_version(), 41);
  EXPECT_EQ(cursor.current_version(), 60);
  Instance instance(database_.conninfo());
  const auto answer = instance.Append(One(History::AggregateId(0), VersionCheck::Exact(60), {Event(1)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 61);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 61);
  // The next run has nothing to do.
  report = Run(Options(2));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 0);
}

TEST_F(RetentionTest, TheDaysOfARunTakeThePlaceOfTheSetting) {
  Past(6, 30).Insert(database_);
  Close();
  auto report = Run(Options(0), {.retention_days = 5});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 1);
}

TEST_F(RetentionTest, ADryRunSaysWhatWouldGoAndDoesNothing) {
  Past(6, 30).Insert(database_);
  Close();
  const std::string before = Everything();
  auto report = Run(Options(2), {.dry_run = true});
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_to_drop"], 4);
  EXPECT_EQ(report->counts["events_to_drop"], 120);
  EXPECT_EQ(report->counts["events_to_drop.entity"], 120);
  EXPECT_GT(report->counts["bytes_to_free"], 0);
  EXPECT_EQ(told_.size(), 4U);
  EXPECT_THAT(told_, Contains(HasSubstr("30 events")));
  EXPECT_EQ(Everything(), before);
  EXPECT_FALSE(std::filesystem::exists(archive_dir()));
  EXPECT_EQ(Number("SELECT count(*) FROM archived_chunks"), 0);
  // What it said is what happens.
  auto done = Run(Options(2));
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->counts["partitions_dropped"], report->counts["partitions_to_drop"]);
  EXPECT_EQ(done->counts["events_dropped"], report->counts["events_to_drop"]);
  EXPECT_EQ(done->counts["bytes_freed"], report->counts["bytes_to_free"]);
}

TEST_F(RetentionTest, WithoutAFolderNothingIsDroppedUnlessItIsAskedForByName) {
  Past(3, 30).Insert(database_);
  Close();
  auto options = Options(1);
  options.archive_dir.clear();
  auto refused = Run(options);
  EXPECT_THAT(refused, HasReason(Reason::kInvalidRequest));
  EXPECT_THAT(refused.status().message(), HasSubstr("archive_dir"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 90);
  options.archive = false;
  auto report = Run(options);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 2);
  EXPECT_EQ(report->counts["events_archived"], 0);
  EXPECT_EQ(Number("SELECT count(*) FROM archived_chunks WHERE gone AND file IS NULL"), 2);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 30);
}

TEST_F(RetentionTest, AChunkThatIsNotClosedWaitsAndSoDoTheYoungerOnes) {
  Past(4, 30).Insert(database_);
  auto report = Run(Options(1));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 0);
  EXPECT_EQ(report->counts["partitions_waiting"], 3);
  EXPECT_THAT(report->summary, HasSubstr("not closed"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 120);
}

TEST_F(RetentionTest, AStoppedRunLeavesTheRestToTheNext) {
  Past(5, 30).Insert(database_);
  Close();
  int asked = 0;
  stop_ = [&] { return ++asked > 4; };
  ASSERT_THAT(Run(Options(1)), IsOk());
  const auto left = Number("SELECT count(*) FROM events_v2");
  EXPECT_GT(left, 30);
  EXPECT_LT(left, 150);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), left);
  stop_ = nullptr;
  ASSERT_THAT(Run(Options(1)), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 30);
  EXPECT_EQ(ExpectArchiveWhole(), 120);
}

TEST_F(RetentionTest, FourHundredDaysBecomeNinetyWhileAppendsGoOn) {
  const History history = Past(400, 20);
  history.Insert(database_);
  Close();
  const std::string before = Everything();
  Instance instance(database_.conninfo());
  std::atomic<bool> end = false;
  std::atomic<int> appended = 0;
  std::atomic<int> failed = 0;
  std::thread writer([&] {
    for (int n = 1; !end; ++n) {
      const auto answer = instance.Append(One(AggregateIn(n % 2), VersionCheck::Any(), {Event(1'000'000 + n)}));
      ++(answer.ok() ? appended : failed);
    }
  });
  ASSERT_TRUE(Eventually([&] { return appended > 0; }));
  auto report = Run(Options(90));
  const int during = appended;
  end = true;
  writer.join();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 310) << report->summary;
  EXPECT_EQ(failed, 0);
  EXPECT_GT(during, 1);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 90 * 20 + appended);
  EXPECT_EQ(ExpectArchiveWhole(), 310 * 20);
  auto restored = Restore({});
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->size(), 310U);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 400 * 20 + appended);
  database_.Execute(
      "DELETE FROM events_v2 WHERE id IN (SELECT id FROM events_v2 WHERE source = 'api' AND event_type = 'happened')");
  EXPECT_EQ(Everything(), before);
}

}  // namespace
}  // namespace eventstore::testing
