// The cut-over on the real database: what each step leaves, what it refuses, and that nothing is lost on the way or back.
#include "server/moving/cutover_steps.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/archive/line_file.h"
#include "server/moving/cutover_log.h"
#include "server/moving/legacy_archive.h"
#include "server/moving/move_check.h"
#include "server/moving/move_facts.h"
#include "server/moving/move_refused.h"
#include "tests/integration/legacy/legacy_fixture.h"
#include "tests/integration/store/eventually.h"
#include "tests/support/temp_dir.h"

namespace eventstore::moving {
namespace {

using storage::Session;
using testing::Event;
using testing::HasMessage;
using ::testing::HasSubstr;
using testing::Id;
using testing::IsOk;

class CutoverTest : public LegacyTest {
 protected:
  void SetUp() override {
    LegacyTest::SetUp();
    database_.Execute(Rows(1, 1, 20));  // the past
    Install(LegacyDirection::kLegacyToStore);
    // As a migration brings it.
    database_.Execute("INSERT INTO legacy_outbox (payload) SELECT to_jsonb(e) FROM events e");
    ASSERT_EQ(ForwardAll().taken, 20);
  }

  static LockPatience Patience() {
    LockPatience patience;
    patience.lock_timeout = std::chrono::milliseconds(500);
    patience.attempts = 40;
    patience.pause = std::chrono::milliseconds(5);
    patience.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    return patience;
  }

  void Check() {
    auto found = CompareWithLegacy(database_.conninfo());
    ASSERT_THAT(found, IsOk());
    ASSERT_TRUE(found->clean()) << found->missing_in_store << " " << found->missing_in_legacy << " "
                                << found->different;
    ASSERT_THAT(steps_.RecordCheck(true, "clean"), IsOk());
  }

  absl::Status Append(std::uint64_t aggregate, std::uint64_t id) {
    return store_.Append(testing::One(Id(aggregate), domain::VersionCheck::Any(), {Event(id)})).status();
  }

  std::string Kind(const std::string& relation) const {
    return Text("SELECT coalesce((SELECT relkind::text FROM pg_class WHERE oid = to_regclass('" + relation +
                "')), '-')");
  }

  domain::MoveLimits limits_;
  CutoverSteps steps_{database_.conninfo(), "tester", Rules(), Patience()};
  testing::Instance store_{database_.conninfo()};
};

TEST_F(CutoverTest, NothingIsSwitchedThatWasNotChecked) {
  const absl::Status refused = steps_.Switch(limits_, true);
  EXPECT_TRUE(IsMoveRefused(refused));
  EXPECT_THAT(refused, HasMessage(HasSubstr("never compared")));
  EXPECT_EQ(Kind("events"), "r");
  EXPECT_EQ(Text("SELECT step || ' ' || outcome FROM cutover_log ORDER BY seq DESC LIMIT 1"), "switch refused");
}

TEST_F(CutoverTest, ThereAndBackAndThere) {
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  EXPECT_EQ(Kind("events"), "v");
  EXPECT_EQ(Kind("events_legacy"), "r");
  EXPECT_EQ(Count("events"), 20);
  EXPECT_EQ(Count("events v JOIN events_legacy l USING (id) WHERE v.data = l.data AND v.timestamp = l.timestamp"), 20);

  ASSERT_THAT(Append(1, 100), IsOk());
  EXPECT_EQ(Count("events"), 21);
  EXPECT_EQ(Count("events_legacy"), 21);
  // An old writer, who gives neither id nor time.
  database_.Execute("INSERT INTO events (type, data) VALUES ('late', '{\"entityId\": \"" + Id(1).ToString() + "\"}')");
  EXPECT_EQ(Count("events_legacy WHERE type = 'late'"), 1);
  EXPECT_EQ(ForwardAll().taken, 1);
  EXPECT_EQ(Count("events WHERE type = 'late'"), 1);

  ASSERT_THAT(steps_.Rollback(limits_), IsOk());
  EXPECT_EQ(Kind("events"), "r");
  EXPECT_EQ(Kind("events_legacy"), "-");
  EXPECT_EQ(Count("events"), 22) << "what was appended since is there";
  database_.Execute(Rows(1, 300, 1));
  EXPECT_EQ(ForwardAll().taken, 1) << "dual write goes on as before";

  Check();
  ASSERT_THAT(steps_.Switch(limits_, false), IsOk());
  EXPECT_EQ(Count("events"), 23);
  EXPECT_THROW(database_.Execute("INSERT INTO events (type, data) VALUES ('late', '{}')"), std::exception);
  EXPECT_THROW(database_.Execute("DELETE FROM events"), std::exception);
  Check();
  ExpectCleanStore();
  EXPECT_EQ(Text("SELECT string_agg(step, ' ' ORDER BY seq) FROM cutover_log WHERE outcome = 'done'"),
            "install check switch rollback check switch check");
}

TEST_F(CutoverTest, ReadersKeepTheirRights) {
  const std::string role = database_.name() + "_reader";
  database_.Execute("CREATE ROLE \"" + role + "\"; GRANT SELECT ON events TO \"" + role + "\"");
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  EXPECT_EQ(database_.Execute("SET ROLE \"" + role + "\"; SELECT count(*) FROM events")[0][0].as<int>(), 20);
  database_.Execute("DROP OWNED BY \"" + role + "\"; DROP ROLE \"" + role + "\"");
}

// Legacy writers and appends go on through a switch and a rollback. Whoever was told that it is committed finds it on both
// sides.
TEST_F(CutoverTest, WritersGoOnMeanwhile) {
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0, appended = 0;
  std::thread writer([&] {
    for (int n = 1'000; !stop; ++n) {
      database_.Execute(Rows(1 + n % 3, n, 1));
      ++written;
    }
  });
  std::thread appender([&] {
    // While the legacy table is the one that counts, appends are not mirrored: these come after the switch.
    while (!stop && Kind("events") != "v") std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (std::uint64_t n = 900'000; !stop && Kind("events") == "v"; ++n) {
      if (Append(1 + n % 3, n).ok()) ++appended;
    }
  });
  ASSERT_TRUE(testing::Eventually([&] { return written > 20; }));
  ForwardAll();
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  const int at_switch = written;
  ASSERT_TRUE(testing::Eventually([&] { return written > at_switch + 20 && appended > 20; }));
  stop = true;
  writer.join();
  appender.join();
  ForwardAll();
  EXPECT_EQ(Count("events"), 20 + written + appended);
  EXPECT_EQ(Count("events_legacy"), 20 + written + appended);
  ASSERT_THAT(steps_.Rollback(limits_), IsOk());
  EXPECT_EQ(Count("events"), 20 + written + appended);
  ForwardAll();
  ExpectCleanStore();
}

// A writer through the view has the view before the table, and so has a rollback.
TEST_F(CutoverTest, RollbacksAndOldWritersNeverWaitForEachOther) {
  std::atomic<bool> stop = false;
  std::atomic<int> written = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      Session session(database_.conninfo(), "old writer");
      while (!stop) {
        EXPECT_THAT(session.RunScript("INSERT INTO events (type, data) VALUES ('old', '{}')"), IsOk());
        ++written;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that the forwarder keeps up
      }
    });
  }
  // Longer than deadlock_timeout: whoever waits for less gives up before PostgreSQL would end one of the two.
  LockPatience patience = Patience();
  patience.lock_timeout = std::chrono::seconds(5);
  CutoverSteps patient(database_.conninfo(), "tester", Rules(), patience);
  for (int round = 0; round < 3; ++round) {
    ForwardAll();
    ASSERT_THAT(patient.RecordCheck(true, "clean"), IsOk());
    limits_.max_waiting_rows = 10'000;
    const int before = written;
    EXPECT_THAT(patient.Switch(limits_, true), IsOk());
    EXPECT_TRUE(testing::Eventually([&] { return written > before + 10; }));
    EXPECT_THAT(patient.Rollback(limits_), IsOk());
  }
  stop = true;
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(Count("events"), 20 + written);
  EXPECT_EQ(Text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
}

TEST_F(CutoverTest, ALockThatIsNotFreeEndsInARefusalAndChangesNothing) {
  Check();
  Session other(database_.conninfo(), "other");
  ASSERT_THAT(other.RunScript("BEGIN; SELECT count(*) FROM events"), IsOk());
  LockPatience patience = Patience();
  patience.attempts = 2;
  patience.lock_timeout = std::chrono::milliseconds(50);
  int told = 0;
  patience.notice = [&](const std::string&) { ++told; };
  CutoverSteps hasty(database_.conninfo(), "tester", Rules(), patience);
  EXPECT_THAT(hasty.Switch(limits_, true), testing::HasReason(domain::Reason::kDatabaseUnavailable));
  EXPECT_EQ(told, 1);
  ASSERT_THAT(other.RunScript("ROLLBACK"), IsOk());
  EXPECT_EQ(Kind("events"), "r");
}

TEST_F(CutoverTest, RollbackWaitsForWhatTheLegacyTableLacks) {
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  database_.Execute("ALTER TABLE events_legacy ADD CONSTRAINT no CHECK (type <> 'happened')");
  ASSERT_THAT(Append(1, 100), IsOk());
  EXPECT_TRUE(IsMoveRefused(steps_.Rollback(limits_)));
  EXPECT_EQ(Kind("events"), "v");
  database_.Execute("ALTER TABLE events_legacy DROP CONSTRAINT no");
  ASSERT_THAT(steps_.Rollback(limits_), IsOk());
  EXPECT_EQ(Count("events"), 21);
}

TEST_F(CutoverTest, TheComparisonFindsWhatDiffers) {
  database_.Execute("ALTER TABLE events DISABLE TRIGGER ALL");
  database_.Execute("UPDATE events SET data = data || '{\"n\": 0}' WHERE id = '" + Id(1).ToString() + "'");
  database_.Execute("DELETE FROM events WHERE id = '" + Id(2).ToString() + "'; " + Rows(1, 500, 1));
  auto found = CompareWithLegacy(database_.conninfo());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->different, 1);
  EXPECT_EQ(found->missing_in_legacy, 1);
  EXPECT_EQ(found->missing_in_store, 1);
  EXPECT_EQ(found->examples.size(), 3U);
  database_.Execute("ALTER TABLE events ENABLE TRIGGER ALL");
  // On its way is no difference.
  database_.Execute(Rows(1, 600, 1));
  found = CompareWithLegacy(database_.conninfo());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->missing_in_store, 1);
  EXPECT_EQ(found->waiting, 1);
}

TEST_F(CutoverTest, TheTableIsDroppedWhenItsArchiveHoldsIt) {
  Check();
  testing::TempDir folder;
  EXPECT_TRUE(IsMoveRefused(steps_.DropLegacy(limits_, folder.path()).status())) << "not switched";
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  ASSERT_THAT(Append(1, 100), IsOk());
  EXPECT_FALSE(steps_.DropLegacy(limits_, folder.path() + "/missing").ok());
  EXPECT_EQ(Text("SELECT stage FROM legacy_link"), "switched")
      << "there is a way back while there is no place for an archive";

  auto dropped = steps_.DropLegacy(limits_, folder.path());
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(dropped->rows, 21);
  EXPECT_EQ(Kind("events_legacy"), "-");
  EXPECT_EQ(Count("events"), 21) << "the view is there, and the store holds it all";
  auto content = ReadArchiveFile(dropped->archive);
  ASSERT_THAT(content, IsOk());
  EXPECT_EQ(content->rows, 21);
  EXPECT_TRUE(std::filesystem::exists(dropped->archive + ".sha256"));
  ASSERT_THAT(Append(1, 101), IsOk());
  ASSERT_THAT(RemoveLink(session_, "tester", Patience()), IsOk());
  EXPECT_EQ(Count("events"), 22);
  ExpectCleanStore();
}

// Somebody writes to the table between the archive and the drop.
TEST_F(CutoverTest, WhatIsNotInTheArchiveIsNotDropped) {
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  testing::TempDir folder;
  auto archive = ArchiveLegacyTable(session_, folder.path());
  ASSERT_THAT(archive, IsOk());
  ASSERT_THAT(RequireArchived(session_, *archive), IsOk());
  database_.Execute("UPDATE events_legacy SET user_id = 'another' WHERE id = '" + Id(3).ToString() + "'");
  EXPECT_TRUE(IsMoveRefused(RequireArchived(session_, *archive)));
}

TEST_F(CutoverTest, OldWritersAreToBeQuietBeforeTheDrop) {
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  database_.Execute("INSERT INTO events (type, data) VALUES ('late', '{}')");
  ASSERT_EQ(ForwardAll().taken, 1);
  testing::TempDir folder;
  EXPECT_THAT(steps_.DropLegacy(limits_, folder.path()).status(), HasMessage(HasSubstr("through the view")));
  limits_.quiet = 0;
  EXPECT_THAT(steps_.DropLegacy(limits_, folder.path()), IsOk());
}

// As a disk that does not keep what it was given.
TEST_F(CutoverTest, AnArchiveThatIsNotWhatWasWrittenIsNone) {
  testing::TempDir folder;
  const auto truncate = [](const std::string& path) {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  };
  EXPECT_THAT(ArchiveLegacyTable(session_, folder.path(), truncate).status(),
              testing::HasReason(domain::Reason::kArchiveDamaged));
  const auto exchange = [](const std::string& path) {
    auto other = archive::LineFileWriter::Create(path);
    ASSERT_THAT(other, IsOk());
    ASSERT_THAT((*other)->Add("{}"), IsOk());
    ASSERT_THAT((*other)->Finish(), IsOk());
  };
  EXPECT_THAT(ArchiveLegacyTable(session_, folder.path(), exchange).status(), HasMessage(HasSubstr("read back")));
  for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_EQ(file.path().extension(), ".tmp") << "has no name";
  }
}

// Its rows are compared once more, with the table locked.
TEST_F(CutoverTest, ATableThatIsNotItsArchiveIsNotDropped) {
  Check();
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  database_.Execute("ALTER FUNCTION legacy_digest() RENAME TO real_digest");
  database_.Execute(
      "CREATE FUNCTION legacy_digest(OUT rows_ bigint, OUT digest numeric) LANGUAGE sql AS 'SELECT 21::bigint, digest "
      "FROM real_digest()'");
  testing::TempDir folder;
  EXPECT_TRUE(IsMoveRefused(steps_.DropLegacy(limits_, folder.path()).status()));
  EXPECT_EQ(Kind("events_legacy"), "r");
  EXPECT_EQ(Text("SELECT stage FROM legacy_link"), "closing");
  database_.Execute("DROP FUNCTION legacy_digest(); ALTER FUNCTION real_digest() RENAME TO legacy_digest");
  EXPECT_THAT(steps_.DropLegacy(limits_, folder.path()), IsOk()) << "goes on where it was";
  EXPECT_EQ(Kind("events_legacy"), "-");
}

TEST_F(CutoverTest, ADamagedArchiveIsNone) {
  testing::TempDir folder;
  auto archive = ArchiveLegacyTable(session_, folder.path());
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ(archive->content.rows, 20);
  std::ifstream in(archive->path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  const auto damaged = [&](const std::string& bytes) {
    std::ofstream(archive->path, std::ios::binary | std::ios::trunc) << bytes;
    return !ReadArchiveFile(archive->path).ok();
  };
  EXPECT_TRUE(damaged(whole.substr(0, whole.size() - 1)));
  EXPECT_TRUE(damaged(whole.substr(0, whole.size() / 2)));
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;
  EXPECT_TRUE(damaged(flipped));
  EXPECT_FALSE(damaged(whole));
}

}  // namespace
}  // namespace eventstore::moving
