// The connection dies at COMMIT. Whatever the answer is, it is the truth.
#include "server/storage/commit_outcome.h"

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/lane_writer/appender_fixture.h"
#include "tests/integration/lane_writer/commit_proxy.h"
#include "tests/support/fake_clock.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::AllOf;
using ::testing::HasSubstr;
using namespace std::chrono_literals;
using AtCommit = CommitProxy::AtCommit;

// What the write path tells whoever counts it.
struct Told : storage::AppendObserver {
  void OnLostCommit(const char* outcome) override { lost.emplace_back(outcome); }
  void OnWritten() override { ++written; }
  void OnRefused(const absl::Status& /*status*/) override { ++refused; }

  std::vector<std::string> lost;
  int written = 0;
  int refused = 0;
};

class CommitOutcomeTest : public ::testing::Test {
 protected:
  CommitOutcomeTest() {
    // The first append connects and creates the chunk, so that what follows is nothing but appends.
    EXPECT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }

  std::string Ask(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }

  // Every COMMIT that moves a head waits until the test lets go of advisory lock (7, 7).
  void MakeCommitsWait() {
    database_.Execute(R"sql(
      CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        PERFORM pg_advisory_xact_lock_shared(7, 7);
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT OR UPDATE ON aggregate_heads
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit())sql");
    ASSERT_THAT(gate_.RunScript("SELECT pg_advisory_lock(7, 7)"), IsOk());
  }
  // The backend that is in its COMMIT.
  std::string AwaitBackendAtCommit() {
    EXPECT_TRUE(Eventually([&] { return Ask(kWaiting) != "0"; }));
    return Ask(kWaiting);
  }
  void LetCommitsGo() { ASSERT_THAT(gate_.RunScript("SELECT pg_advisory_unlock(7, 7)"), IsOk()); }

  static constexpr char kWaiting[] =
      "SELECT coalesce(max(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7 AND NOT granted";

  domain::AppendBatch Second() const { return One(AggregateIn(0), VersionCheck::Exact(1), {Event(2), Event(3)}); }

  TestDatabase database_;
  CommitProxy proxy_{database_.conninfo()};
  Told told_;  // by one thread, before the answers that the tests wait for
  Instance instance_{proxy_.conninfo(), {.observer = &told_}};
  storage::Session gate_{database_.conninfo(), "gate"};
};

TEST_F(CommitOutcomeTest, NobodyIsAnsweredBeforeTheCommit) {
  proxy_.Next(AtCommit::kHold);
  auto answer = instance_.Start(Second());
  ASSERT_TRUE(proxy_.AwaitHeld());
  EXPECT_EQ(answer.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "1");
  proxy_.Continue();
  EXPECT_THAT(answer.get(), IsOk());
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "3");
}

TEST_F(CommitOutcomeTest, ACommitThatNeverArrivedIsSaidNotToBe) {
  proxy_.Next(AtCommit::kCutBefore);
  EXPECT_THAT(instance_.Append(Second()), HasReason(Reason::kDatabaseUnavailable));
  EXPECT_THAT(told_.lost, ::testing::ElementsAre("not committed"));
  EXPECT_EQ(told_.refused, 1);
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "1");
  EXPECT_THAT(instance_.Append(Second()), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(CommitOutcomeTest, ACommitWhoseAnswerWasLostIsAcknowledged) {
  proxy_.Next(AtCommit::kCutAfter);
  const AppendAnswer answer = instance_.Append(Second());
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 3);
  EXPECT_THAT(told_.lost, ::testing::ElementsAre("committed"));
  EXPECT_EQ(told_.written, 2);
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2 WHERE global_position = " +
                std::to_string(answer->front().events[1].global_position)),
            "1");
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(CommitOutcomeTest, ACommitStillUnderWayIsWaitedFor) {
  MakeCommitsWait();
  proxy_.Next(AtCommit::kCutDuring);
  auto answer = instance_.Start(Second());
  AwaitBackendAtCommit();
  // The writer is back on a second connection and asks, while the first transaction still runs.
  ASSERT_TRUE(Eventually([&] {
    return Ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "application_name = 'eventstored lane 0 outcome' AND query LIKE '%pg_xact_status%'") == "1";
  }));
  EXPECT_EQ(answer.wait_for(0s), std::future_status::timeout);
  LetCommitsGo();
  EXPECT_THAT(answer.get(), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(CommitOutcomeTest, ABackendKilledWhileItCommitsHasWrittenNothing) {
  MakeCommitsWait();
  auto answer = instance_.Start(Second());
  const std::string backend = AwaitBackendAtCommit();
  ASSERT_EQ(Ask("SELECT pg_terminate_backend(" + backend + ", 10000)"), "t");
  EXPECT_THAT(answer.get(), HasReason(Reason::kDatabaseUnavailable));
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "1");
  LetCommitsGo();
  EXPECT_THAT(instance_.Append(Second()), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(CommitOutcomeTest, WithItsConnectionCutABackendKilledWhileItCommitsHasWrittenNothing) {
  MakeCommitsWait();
  proxy_.Next(AtCommit::kCutDuring);
  auto answer = instance_.Start(Second());
  ASSERT_EQ(Ask("SELECT pg_terminate_backend(" + AwaitBackendAtCommit() + ", 10000)"), "t");
  EXPECT_THAT(answer.get(), HasReason(Reason::kDatabaseUnavailable));
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "1");
}

TEST_F(CommitOutcomeTest, OthersOfTheBatchGetTheSameTruth) {
  for (const auto action : {AtCommit::kCutBefore, AtCommit::kCutAfter}) {
    SCOPED_TRACE(static_cast<int>(action));
    const int round = static_cast<int>(action);
    const auto first = 100 * static_cast<std::uint64_t>(round);
    const auto aggregate = AggregateIn(0, round);
    HeldLanes lane(database_.conninfo(), {0});
    auto opener = instance_.Start(One(AggregateIn(0, 50 + round), VersionCheck::Any(), {Event(first)}));
    ASSERT_TRUE(lane.AwaitWaiters());
    auto accepted = instance_.Start(One(aggregate, VersionCheck::Exact(0), {Event(first + 1)}));
    auto conflict = instance_.Start(One(aggregate, VersionCheck::Exact(9), {Event(first + 2)}));
    auto repeat = instance_.Start(One(aggregate, VersionCheck::Exact(0), {Event(first + 1)}));
    proxy_.Next(AtCommit::kHold);
    lane.Release();
    ASSERT_TRUE(proxy_.AwaitHeld());  // the opener's
    proxy_.Next(action);
    proxy_.Continue();
    EXPECT_THAT(opener.get(), IsOk());
    if (action == AtCommit::kCutAfter) {
      EXPECT_THAT(accepted.get(), IsOk());
      EXPECT_THAT(repeat.get(), IsOk());
      EXPECT_THAT(conflict.get(), HasReason(Reason::kVersionConflict));
    } else {
      EXPECT_THAT(accepted.get(), HasReason(Reason::kDatabaseUnavailable));
      // Nothing came of it, so it is not known whether these are repeats or conflicts.
      EXPECT_THAT(repeat.get(), HasReason(Reason::kDatabaseUnavailable));
      EXPECT_THAT(conflict.get(), HasReason(Reason::kDatabaseUnavailable));
    }
  }
  ExpectVerified(database_.conninfo());
}

// With a clock of its own, so that the patience of 15 s takes no time.
class CommitUnknownTest : public CommitOutcomeTest {
 protected:
  FakeClock clock_;
  std::atomic<int> pauses_ = 0;
  Instance patient_{proxy_.conninfo(), {.clock = &clock_, .sleep = [this](std::chrono::milliseconds pause) {
                                          clock_.Advance(pause);
                                          ++pauses_;
                                        }}};
};

TEST_F(CommitUnknownTest, ADatabaseThatStaysAwayLeavesItUnknownUntilItIsAskedAgain) {
  for (const auto action : {AtCommit::kCutBefore, AtCommit::kCutAfter}) {
    SCOPED_TRACE(static_cast<int>(action));
    const auto id = 10 * static_cast<std::uint64_t>(action);
    const auto aggregate = AggregateIn(0, static_cast<int>(action));
    ASSERT_THAT(patient_.Append(One(aggregate, VersionCheck::Exact(0), {Event(id)})), IsOk());
    const auto batch = One(aggregate, VersionCheck::Exact(1), {Event(id + 1), Event(id + 2)});
    pauses_ = 0;
    proxy_.Next(action, true);
    EXPECT_THAT(patient_.Append(batch), AllOf(HasReason(Reason::kCommitUnknown),
                                              HasMessage(HasSubstr("repeat the append with the same event ids"))));
    EXPECT_GE(pauses_, 100);
    // While it is away.
    EXPECT_THAT(patient_.Append(batch), HasReason(Reason::kDatabaseUnavailable));
    proxy_.Return();
    const AppendAnswer repeated = patient_.Append(batch);
    ASSERT_THAT(repeated, IsOk());
    EXPECT_EQ(repeated->front().version, 3);
    EXPECT_EQ(Ask("SELECT count(*) FROM events_v2 WHERE aggregate_id = '" + aggregate.ToString() + "'"), "3");
  }
  ExpectVerified(database_.conninfo());
}

TEST_F(CommitUnknownTest, ABriefAbsenceIsWaitedFor) {
  proxy_.Next(AtCommit::kCutAfter, true);
  Instance waits(proxy_.conninfo(), {.clock = &clock_, .sleep = [this](std::chrono::milliseconds) {
                                       if (++pauses_ == 20) proxy_.Return();
                                     }});
  // Its first COMMIT is the one that is cut.
  EXPECT_THAT(waits.Append(Second()), IsOk());
  EXPECT_GE(pauses_, 20);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

}  // namespace
}  // namespace eventstore::testing
