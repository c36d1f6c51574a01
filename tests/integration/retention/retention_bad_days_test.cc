// Retention on bad days: killed between any two steps, a full disk, a damaged file, a reader that holds its lock.
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "server/domain/error.h"
#include "server/storage/transaction.h"
#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::HasSubstr;

class RetentionBadDaysTest : public RetentionTest {
 protected:
  RetentionBadDaysTest() {
    history_.Insert(database_);
    Close();
    before_ = Everything();
  }

  // Each event is in the store or in a file that is whole; or in both.
  void ExpectNothingLost() const {
    const std::int64_t left = ExpectVerified(database_.conninfo());
    EXPECT_EQ(left + Number("SELECT coalesce(sum(events), 0)::bigint FROM archived_chunks WHERE gone"), 90);
    auto folder = archive::Folder::OpenToRead(archive_dir());
    auto archived = [&] {
      storage::Session session(database_.conninfo(), "test");
      return storage::ListArchived(session);
    }();
    ASSERT_THAT(archived, IsOk());
    for (const auto& chunk : *archived) {
      if (!chunk.gone()) continue;
      EXPECT_THAT(folder->Verify(chunk.file, nullptr), IsOk());
    }
  }

  const History history_ = Past(3, 30);
  std::string before_;
};

TEST_F(RetentionBadDaysTest, KilledBeforeAnyStepTheNextRunFinishes) {
  // The second time a step comes up, so that there is something before it, too.
  int steps = 0;
  for (const char* step :
       {"write", "read back", "write manifest", "name manifest", "name file", "note archive", "drop", "commit"}) {
    SCOPED_TRACE(step);
    auto options = Options(1);
    int seen = 0;
    options.before = [&](const char* now) -> absl::Status {
      if (std::string(now) != step || ++seen < 2) return absl::OkStatus();
      return domain::ErrorOf(Reason::kInternal, "killed");
    };
    auto killed = Run(options);
    ASSERT_FALSE(killed.ok());
    EXPECT_THAT(killed.status().message(), HasSubstr("killed"));
    ++steps;
    EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 60);
    ExpectNothingLost();
    auto finished = Run(Options(1));
    ASSERT_THAT(finished, IsOk());
    EXPECT_EQ(finished->counts["partitions_dropped"], 1);
    EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 30);
    ExpectNothingLost();
    EXPECT_EQ(ExpectArchiveWhole(), 60);
    ASSERT_THAT(Restore({.hold_days = 0}), IsOk());
    EXPECT_EQ(Everything(), before_);
    std::filesystem::remove_all(archive_dir());
  }
  EXPECT_EQ(steps, 8);
}

TEST_F(RetentionBadDaysTest, AFullDiskDropsNothingAndSaysSo) {
  // Files of this process may have so many bytes; what is beyond fails as on a full disk.
  rlimit was{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &was), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = was;
  small.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  auto full = Run(Options(1));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &was), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_THAT(full, HasReason(Reason::kArchiveFull));
  EXPECT_THAT(full.status().message(), HasSubstr(archive_dir()));
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(Number("SELECT count(*) FROM archived_chunks"), 0);
  // Nothing is left over that would fill it further.
  EXPECT_TRUE(std::filesystem::is_empty(archive_dir()));
  ASSERT_THAT(Run(Options(1)), IsOk());
  ExpectNothingLost();
  EXPECT_EQ(ExpectArchiveWhole(), 60);
}

TEST_F(RetentionBadDaysTest, AnArchiveThatDoesNotReadBackIsNotDroppedFor) {
  auto options = Options(1);
  options.before = [&](const char* step) -> absl::Status {
    if (std::string(step) != "read back") return absl::OkStatus();
    for (const auto& file : std::filesystem::directory_iterator(archive_dir())) {
      std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      bytes.seekp(100);
      bytes.put('!');
    }
    return absl::OkStatus();
  };
  EXPECT_THAT(Run(options), HasReason(Reason::kArchiveDamaged));
  EXPECT_EQ(Everything(), before_);
}

class DamagedFileTest : public RetentionBadDaysTest {
 protected:
  // A run that ends with one file written and nothing dropped.
  std::string FileBeforeTheDrop() {
    auto options = Options(1);
    options.before = [](const char* step) -> absl::Status {
      return std::string(step) == "drop" ? domain::ErrorOf(Reason::kInternal, "killed") : absl::OkStatus();
    };
    EXPECT_FALSE(Run(options).ok());
    EXPECT_EQ(Files().size(), 1U);
    return archive_dir() + "/" + Files().front().file;
  }

  void ExpectWrittenAnew() {
    auto report = Run(Options(1));
    ASSERT_THAT(report, IsOk());
    EXPECT_EQ(report->counts["events_archived"], 60);
    EXPECT_EQ(Files().size(), 3U);
    ExpectNothingLost();
    ASSERT_THAT(Restore({}), IsOk());
    EXPECT_EQ(Everything(), before_);
  }
};

TEST_F(DamagedFileTest, ACutOneIsWrittenAnew) {
  std::filesystem::resize_file(FileBeforeTheDrop(), 300);
  ExpectWrittenAnew();
}

// Only reading it tells: its size and its manifest are as they were.
TEST_F(DamagedFileTest, OneWithAnotherBitIsWrittenAnew) {
  std::fstream file(FileBeforeTheDrop(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(300);
  const int byte = file.get();
  file.seekp(300);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  ASSERT_TRUE(file.good());
  ExpectWrittenAnew();
}

TEST_F(RetentionBadDaysTest, EventsChangedAfterTheArchiveAreNotDropped) {
  auto options = Options(1);
  options.before = [&](const char* step) -> absl::Status {
    if (std::string(step) == "drop")
      database_.Execute("UPDATE events_v2 SET data = '{\"x\": 1}' WHERE global_position = 1");
    return absl::OkStatus();
  };
  auto changed = Run(options);
  ASSERT_FALSE(changed.ok());
  EXPECT_THAT(changed.status().message(), HasSubstr("nothing was dropped"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 90);
}

TEST_F(RetentionBadDaysTest, ALongReaderIsGivenWayTo) {
  storage::Session reader(database_.conninfo(), "long reader");
  {
    storage::Transaction reading(reader);
    ASSERT_THAT(reading.Begin(), IsOk());
    ASSERT_THAT(reader.RunScript("SELECT count(*) FROM events_v2 WHERE timestamp < now() - interval '30 hours'"),
                IsOk());
    // Between two tries an append gets through, and one that waits behind us for a moment, too.
    Instance instance(database_.conninfo());
    int appended = 0;
    auto options = Options(1);
    options.lock_tries = 3;
    options.sleep = [&](std::chrono::milliseconds) {
      ++appended;
      EXPECT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(500 + appended)})), IsOk());
    };
    auto report = Run(options);
    ASSERT_THAT(report, IsOk());
    EXPECT_EQ(appended, 2);
    EXPECT_EQ(report->counts["partitions_dropped"], 0);
    EXPECT_EQ(report->counts["partitions_waiting"], 2);
    EXPECT_THAT(report->summary, HasSubstr("locks it"));
    EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 92);
  }
  auto report = Run(Options(1));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_dropped"], 2);
  EXPECT_EQ(report->counts["events_archived"], 30);
}

TEST_F(RetentionBadDaysTest, TwoRunsDoNotMeet) {
  storage::Session other(database_.conninfo(), "other");
  ASSERT_THAT(other.EnsureConnected(), IsOk());
  auto locked = storage::TryLockArchive(other);
  ASSERT_THAT(locked, IsOk());
  ASSERT_TRUE(*locked);
  auto report = Run(Options(1));
  ASSERT_THAT(report, IsOk());
  EXPECT_THAT(report->summary, HasSubstr("at work"));
  EXPECT_THAT(Restore({}), ::testing::Not(IsOk()));
  EXPECT_EQ(Everything(), before_);
}

}  // namespace
}  // namespace eventstore::testing
