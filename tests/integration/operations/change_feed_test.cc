// What Watch reads: each settled change once, in order, whatever writers are doing.
#include "server/storage/operations/change_feed.h"

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "fmt/format.h"
#include "server/storage/operations/worker_store.h"
#include "server/subscriptions/change_tail.h"
#include "tests/integration/operations/operations_fixture.h"
#include "tests/integration/store/eventually.h"

namespace eventstore::testing {
namespace {

using domain::RecordChange;
using domain::RecordKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ChangeFeedTest : public OperationsTest {
 protected:
  // Everything that has settled after the place, which moves on.
  std::vector<RecordChange> ReadOn(domain::ChangePlace& place, const domain::ChangeFilter& filter = {},
                                   int limit = 100) {
    std::vector<RecordChange> all;
    auto horizon = storage::ReadChangeHorizon(session_);
    EXPECT_THAT(horizon, IsOk());
    for (bool last = false; horizon.ok() && !last;) {
      auto page = storage::ReadChanges(session_, place, *horizon, filter, limit);
      EXPECT_THAT(page, IsOk());
      if (!page.ok()) break;
      all.insert(all.end(), page->changes.begin(), page->changes.end());
      place = page->upto;
      last = page->last;
    }
    return all;
  }

  domain::ChangePlace Start() {
    auto horizon = storage::ReadChangeHorizon(session_);
    EXPECT_THAT(horizon, IsOk());
    return {horizon->position - 1, horizon->now};
  }
};

TEST_F(ChangeFeedTest, CreationsAndChangesOfStatusInOrder) {
  domain::ChangePlace place = Start();
  ASSERT_THAT(storage::RecordEvent(session_, {.id = NewId(), .trigger_ref = "t", .source = "", .payload = "{}"}),
              IsOk());
  auto enforcement = storage::CreateEnforcement(
      session_, {.id = NewId(), .rule_ref = "r", .trigger_ref = "t", .condition = "{}", .payload = "{}"});
  ASSERT_THAT(enforcement, IsOk());
  const domain::Execution execution = Made("a");
  auto worker = storage::RegisterWorker(session_, {.made_id = ids_.Make(), .name = "w", .capabilities = "{}"});
  ASSERT_THAT(worker, IsOk());
  ASSERT_THAT(storage::HeartbeatWorker(session_, worker->id), IsOk());
  database_.Execute("UPDATE execution SET result = '{}'");  // no status
  ASSERT_THAT(Move(execution, Status::kRequested, Status::kScheduled), IsOk());
  ASSERT_THAT(storage::ResolveEnforcement(
                  session_, {{enforcement->id, enforcement->created}, domain::EnforcementStatus::kProcessed}),
              IsOk());
  ASSERT_THAT(storage::DeregisterWorker(session_, worker->id, true), IsOk());
  const domain::ChangePlace before = place;
  std::vector<std::string> seen;
  for (const auto& change : ReadOn(place, {}, 2)) {
    seen.push_back(
        fmt::format("{} {} {}>{}", static_cast<int>(change.kind), change.ref, change.previous_status, change.status));
  }
  EXPECT_THAT(seen, ElementsAre("0 t >", "1 r >created", "2 a >requested", "3 w >active", "2 a requested>scheduled",
                                "1 r created>processed", "3 w active>"));
  EXPECT_THAT(ReadOn(place), IsEmpty());
  for (const auto& [filter, expected] : {std::pair{domain::ChangeFilter{{RecordKind::kExecution}, {}, {}}, 2},
                                         {domain::ChangeFilter{{}, {"r", "w"}, {}}, 4},
                                         {domain::ChangeFilter{{}, {}, {"processed", "active"}}, 2},
                                         {domain::ChangeFilter{{RecordKind::kEvent}, {}, {"failed"}}, 0}}) {
    domain::ChangePlace again = before;
    EXPECT_THAT(ReadOn(again, filter), SizeIs(expected));
    EXPECT_EQ(again.position, place.position);
  }
}

TEST_F(ChangeFeedTest, WhatIsOpenHoldsBackWhatComesAfterIt) {
  domain::ChangePlace place = Start();
  storage::Session slow(database_.conninfo(), "slow");
  ASSERT_THAT(slow.RunScript("BEGIN; INSERT INTO event (trigger_ref) VALUES ('slow')"), IsOk());
  Made();
  EXPECT_THAT(ReadOn(place), IsEmpty());
  ASSERT_THAT(slow.RunScript("COMMIT"), IsOk());
  const auto changes = ReadOn(place);
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0].ref, "slow");
  // What writes something else holds nothing back.
  ASSERT_THAT(slow.RunScript("BEGIN; CREATE TABLE elsewhere (x int); INSERT INTO elsewhere VALUES (1)"), IsOk());
  Made();
  EXPECT_THAT(ReadOn(place), SizeIs(1));
}

// The transaction had an id long before it wrote records: an order by transaction ids would show it too early.
TEST_F(ChangeFeedTest, AnOldTransactionThatWritesLateIsNotSkipped) {
  domain::ChangePlace place = Start();
  storage::Session old(database_.conninfo(), "old");
  ASSERT_THAT(old.RunScript("BEGIN; SELECT pg_current_xact_id()"), IsOk());
  Made("first");
  EXPECT_THAT(ReadOn(place), SizeIs(1));
  ASSERT_THAT(old.RunScript("INSERT INTO event (trigger_ref) VALUES ('late')"), IsOk());
  Made("second");
  EXPECT_THAT(ReadOn(place), IsEmpty());
  ASSERT_THAT(old.RunScript("COMMIT"), IsOk());
  EXPECT_THAT(ReadOn(place), SizeIs(2));
}

TEST_F(ChangeFeedTest, SavepointsTakeTheirMarkBack) {
  domain::ChangePlace place = Start();
  storage::Session session(database_.conninfo(), "savepoints");
  ASSERT_THAT(session.RunScript("BEGIN; SAVEPOINT a; INSERT INTO event (trigger_ref) VALUES ('undone'); ROLLBACK TO a"),
              IsOk());
  Made("meanwhile");
  EXPECT_THAT(ReadOn(place), SizeIs(1));
  ASSERT_THAT(session.RunScript("INSERT INTO event (trigger_ref) VALUES ('done')"), IsOk());
  Made("after");
  EXPECT_THAT(ReadOn(place), IsEmpty());
  ASSERT_THAT(session.RunScript("COMMIT"), IsOk());
  EXPECT_THAT(ReadOn(place), SizeIs(2));
}

TEST_F(ChangeFeedTest, NothingIsSkippedAndNothingComesTwiceUnderWriters) {
  domain::ChangePlace place = Start();
  std::atomic<int> writing = 6;
  std::vector<std::thread> writers;
  for (int i = 0; i < 6; ++i) {
    writers.emplace_back([&, i] {
      storage::Session session(database_.conninfo(), "writer");
      for (int round = 0; round < 60; ++round) {
        // Long and short ones, one and several records, some undone.
        const std::string body = fmt::format(
            "BEGIN; INSERT INTO event (trigger_ref) VALUES ('w{0}'); SELECT pg_sleep({1}); "
            "INSERT INTO execution (action_ref) VALUES ('w{0}'); UPDATE execution SET status = 'scheduled' WHERE "
            "action_ref = 'w{0}' AND status = 'requested'; {2}",
            i, i % 3 == 0 ? 0.004 : 0.0, round % 7 == 6 ? "ROLLBACK" : "COMMIT");
        EXPECT_THAT(session.RunScript(body), IsOk());
      }
      --writing;
    });
  }
  std::vector<RecordChange> seen;
  while (writing > 0) {
    for (auto& change : ReadOn(place, {}, 7)) seen.push_back(std::move(change));
  }
  for (auto& thread : writers) thread.join();
  for (auto& change : ReadOn(place)) seen.push_back(std::move(change));
  std::set<std::int64_t> positions;
  std::map<std::string, std::string> last;
  for (const auto& change : seen) {
    EXPECT_TRUE(positions.empty() || change.position > *positions.rbegin());
    positions.insert(change.position);
    if (change.kind != RecordKind::kExecution) continue;
    EXPECT_EQ(change.previous_status, last[change.id]);
    last[change.id] = change.status;
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(Number("SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM "
                                                         "execution_history)")));
  EXPECT_EQ(seen.size(), 6U * 52 * 3);
}

class Listener final : public subscriptions::TailListener {
 public:
  void OnTail() override { ++calls; }
  void OnStoreLost(const absl::Status&) override { ++lost; }
  std::atomic<int> calls = 0;
  std::atomic<int> lost = 0;
};

TEST_F(ChangeFeedTest, TheTailKeepsWhatIsNewAndForgetsTheOldest) {
  subscriptions::ChangeTailOptions options;
  options.window_changes = 20;
  options.busy_pause = std::chrono::milliseconds(1);
  options.idle_pause = std::chrono::milliseconds(10);
  subscriptions::ChangeTail tail(options, database_.conninfo(), clock_);
  const auto listener = std::make_shared<Listener>();
  ASSERT_TRUE(tail.Listen(listener));
  ASSERT_TRUE(Eventually([&] { return tail.End().has_value(); }));
  const std::int64_t begin = tail.End()->position;
  const auto changes = [&] {
    std::size_t count = 0;
    for (const auto& page : tail.After(begin).pages) count += page->changes.size();
    return count;
  };
  for (int i = 0; i < 5; ++i) Made();
  ASSERT_TRUE(Eventually([&] { return changes() == 5; }));
  EXPECT_TRUE(tail.After(begin).covered);
  EXPECT_GE(listener->calls, 1);
  for (int i = 0; i < 40; ++i) {
    Made();
    tail.Nudge();
  }
  ASSERT_TRUE(Eventually([&] { return !tail.After(begin).covered; }));
  EXPECT_TRUE(tail.After(tail.End()->position).covered);
  // An earlier state of the store.
  database_.Execute(fmt::format("SELECT setval('operations_positions', {})", begin + 1));
  ASSERT_TRUE(Eventually([&] { return listener->lost > 0; }));
}

}  // namespace
}  // namespace eventstore::testing
