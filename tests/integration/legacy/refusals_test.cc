// Each step of the cut-over is refused when a condition does not hold, says which and what to do, and is in the log.
#include "gmock/gmock.h"
#include "server/moving/cutover_steps.h"
#include "server/moving/move_check.h"
#include "server/moving/move_refused.h"
#include "tests/integration/legacy/legacy_fixture.h"
#include "tests/support/temp_dir.h"

namespace eventstore::moving {
namespace {

using testing::Event;
using testing::HasMessage;
using ::testing::HasSubstr;
using testing::Id;
using testing::IsOk;

class RefusalsTest : public LegacyTest {
 protected:
  void Linked(LegacyDirection direction = LegacyDirection::kBoth) {
    Install(direction);
    database_.Execute(Rows(1, 1, 3));
    ASSERT_EQ(ForwardAll().taken, 3);
    ASSERT_THAT(steps_.RecordCheck(true, "clean"), IsOk());
  }

  void Switched() {
    Linked();
    ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  }

  // Of what was refused last. And nothing is changed.
  void ExpectRefused(const absl::Status& status, const std::string& step, const std::string& why,
                     const std::string& next) {
    EXPECT_TRUE(IsMoveRefused(status)) << status;
    EXPECT_THAT(status, HasMessage(HasSubstr(why)));
    EXPECT_THAT(status, HasMessage(HasSubstr(next)));
    EXPECT_EQ(Text("SELECT split_part(who, ',', 1) || ' ' || step || ' ' || outcome FROM cutover_log ORDER BY seq DESC "
                   "LIMIT 1"),
              "tester " + step + " refused");
    EXPECT_THAT(Text("SELECT detail FROM cutover_log ORDER BY seq DESC LIMIT 1"), HasSubstr(why));
  }

  void ExpectSwitchRefused(const std::string& why, const std::string& next) {
    ExpectRefused(steps_.Switch(limits_, true), "switch", why, next);
    EXPECT_EQ(Text("SELECT stage || ' ' || legacy_table FROM legacy_link"), "linked events");
  }

  void ExpectRollbackRefused(const std::string& why, const std::string& next) {
    ExpectRefused(steps_.Rollback(limits_), "rollback", why, next);
  }

  void ExpectDropRefused(const std::string& why, const std::string& next) {
    ExpectRefused(steps_.DropLegacy(limits_, folder_.path()).status(), "drop-legacy", why, next);
    EXPECT_NE(Text("SELECT stage FROM legacy_link"), "closing") << "there is still a way back";
  }

  absl::Status Append(std::uint64_t id) {
    return store_.Append(testing::One(Id(7), domain::VersionCheck::Any(), {Event(id)})).status();
  }

  domain::MoveLimits limits_;
  testing::TempDir folder_;
  CutoverSteps steps_{database_.conninfo(), "tester", Rules(), Patience()};
  testing::Instance store_{database_.conninfo()};
};

TEST_F(RefusalsTest, WithoutALinkThereIsNothingToTake) {
  EXPECT_TRUE(IsMoveRefused(steps_.Switch(limits_, true)));
  EXPECT_TRUE(IsMoveRefused(steps_.Rollback(limits_)));
  EXPECT_TRUE(IsMoveRefused(steps_.DropLegacy(limits_, folder_.path()).status()));
  EXPECT_THAT(steps_.RecordCheck(true, "clean"), HasMessage(HasSubstr("eventctl dual-write install")));
  EXPECT_EQ(Text("SELECT string_agg(step || ' ' || outcome, ', ' ORDER BY seq) FROM cutover_log"),
            "switch refused, rollback refused, drop-legacy refused");
}

TEST_F(RefusalsTest, SwitchWantsACheckThatIsCleanAndRecent) {
  Install(LegacyDirection::kLegacyToStore);
  ExpectSwitchRefused("the two sides were never compared", "eventctl cutover check");
  ASSERT_THAT(steps_.RecordCheck(false, "1 not in the store"), IsOk());
  ExpectSwitchRefused("the two sides differed", "eventctl verify-migration");
  ASSERT_THAT(steps_.RecordCheck(true, "clean"), IsOk());
  limits_.max_check_age = -1;
  ExpectSwitchRefused("may have passed", "eventctl cutover check");
  limits_ = {};
  // Linked anew: what came between the check and the triggers was noted by nobody.
  ASSERT_THAT(RemoveLink(session_, "tester", Patience()), IsOk());
  Install(LegacyDirection::kLegacyToStore);
  ExpectSwitchRefused("the last check is older than dual write", "eventctl cutover check");
  ASSERT_THAT(steps_.RecordCheck(true, "clean"), IsOk());
  EXPECT_THAT(steps_.Switch(limits_, true), IsOk());
  ExpectRefused(steps_.Switch(limits_, true), "switch", "the move is at stage switched", "rollback");
}

TEST_F(RefusalsTest, SwitchWantsNothingLeft) {
  Linked();
  database_.Execute(Rows(1, 10, 5));
  limits_.max_waiting_rows = 4;
  ExpectSwitchRefused("5 rows of the legacy table are not in the store yet; at most 4 may be", "dual-write run");
  limits_ = {};
  ForwardAll();

  database_.Execute("INSERT INTO events (type, data) VALUES ('x', '[]')");
  ForwardAll();
  ExpectSwitchRefused("1 rows are refused by the store", "dual-write run --retry");
  database_.Execute("DELETE FROM legacy_outbox");

  ASSERT_THAT(SetEventType(session_, "old", false, "tester"), IsOk());
  database_.Execute(Rows(1, 20, 2));
  ExpectSwitchRefused("2 rows or events wait because their type is switched off", "dual-write enable TYPE");
  ASSERT_THAT(SetEventType(session_, "old", true, "tester"), IsOk());
  ForwardAll();

  database_.Execute("ALTER TABLE events ADD CONSTRAINT no CHECK (type <> 'happened')");
  ASSERT_THAT(Append(100), IsOk());
  ExpectSwitchRefused("1 events of the store are missing in the legacy table", "dual-write status");
  database_.Execute("ALTER TABLE events DROP CONSTRAINT no");
  ForwardAll();

  database_.Execute(
      "DELETE FROM events WHERE data ->> 'n' = '10'; UPDATE events SET user_id = 'x' WHERE data ->> 'n' = '11'");
  ExpectSwitchRefused("2 rows were updated or deleted in the legacy table", "--accept-changes");

  database_.Execute("DELETE FROM legacy_changes; CREATE VIEW events_legacy AS SELECT 1");
  ExpectSwitchRefused("the name that the legacy table would get is taken", "rename or drop what has it");
  database_.Execute("DROP VIEW events_legacy");
  EXPECT_THAT(steps_.Switch(limits_, true), IsOk());
}

TEST_F(RefusalsTest, RollbackWantsEverythingInTheLegacyTable) {
  Linked();
  ExpectRollbackRefused("the move is at stage linked", "eventctl cutover switch");
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  database_.Execute("ALTER TABLE events_legacy ADD CONSTRAINT no CHECK (type <> 'happened')");
  ASSERT_THAT(Append(100), IsOk());
  ExpectRollbackRefused("1 events of the store are missing in the legacy table", "dual-write status");
  database_.Execute("ALTER TABLE events_legacy DROP CONSTRAINT no");

  ASSERT_THAT(SetEventType(session_, "happened", false, "tester"), IsOk());
  ASSERT_THAT(Append(101), IsOk());
  ExpectRollbackRefused("wait because their type is switched off", "dual-write enable TYPE");
  ASSERT_THAT(SetEventType(session_, "happened", true, "tester"), IsOk());

  database_.Execute("SELECT legacy_remove_view()");
  ExpectRollbackRefused("the view is gone", "SELECT legacy_install_view()");
  database_.Execute("SELECT legacy_install_view()");
  EXPECT_THAT(steps_.Rollback(limits_), IsOk());
  EXPECT_EQ(Count("events"), 5);
}

TEST_F(RefusalsTest, DropWantsQuietAndAnArchive) {
  Linked();
  ExpectDropRefused("the move is at stage linked", "eventctl cutover switch");
  ASSERT_THAT(steps_.Switch(limits_, true), IsOk());
  const absl::Status no_folder = steps_.DropLegacy(limits_, folder_.path() + "/none").status();
  EXPECT_THAT(no_folder, HasMessage(HasSubstr("make it, or name another one with --archive")));
  EXPECT_EQ(Text("SELECT step || ' ' || outcome FROM cutover_log ORDER BY seq DESC LIMIT 1"), "drop-legacy failed");

  database_.Execute("INSERT INTO events (type, data) VALUES ('old', '{}')");
  ExpectDropRefused("1 rows of the legacy table are not in the store yet; at most 0 may be", "dual-write run");
  ForwardAll();
  ExpectDropRefused("the last write through the view was", "a shorter --quiet");
  limits_.quiet = 0;
  database_.Execute("UPDATE events_legacy SET user_id = 'x'");
  ExpectDropRefused("4 rows were updated or deleted in the legacy table", "--accept-changes");
  database_.Execute("DELETE FROM legacy_changes");
  database_.Execute("CREATE VIEW depends AS SELECT id FROM events_legacy");
  ExpectDropRefused("on the legacy table depends: rule _RETURN on view depends", "make it depend on the view");
  database_.Execute("DROP VIEW depends");
  EXPECT_THAT(steps_.DropLegacy(limits_, folder_.path()), IsOk());
  ExpectRollbackRefused("the move is at stage dropped", "dual-write remove");
  ExpectRefused(steps_.DropLegacy(limits_, folder_.path()).status(), "drop-legacy", "the move is at stage dropped",
                "dual-write remove");
}

TEST_F(RefusalsTest, OneStepAtATime) {
  Linked();
  storage::Session other(database_.conninfo(), "other");
  ASSERT_THAT(other.RunScript("SELECT pg_advisory_lock(1163283527, 2)"), IsOk());
  ExpectRefused(steps_.Switch(limits_, true), "switch", "another step of the cut-over is being taken", "wait for it");
}

}  // namespace
}  // namespace eventstore::moving
