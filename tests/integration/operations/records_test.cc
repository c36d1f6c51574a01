// Operational records on the real tables: repeats, moves, and where they are looked for.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>

#include "fmt/format.h"
#include "server/storage/operations/worker_store.h"
#include "tests/integration/operations/operations_fixture.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using ::testing::ElementsAre;
using ::testing::SizeIs;

class RecordsTest : public OperationsTest {};

TEST_F(RecordsTest, ARepeatWithinADayIsTheFirst) {
  const domain::NewExecution wanted = Wanted();
  auto first = storage::CreateExecution(session_, wanted);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(Move(*first, Status::kRequested, Status::kScheduled), IsOk());
  auto again = storage::CreateExecution(session_, wanted);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->created, first->created);
  EXPECT_EQ(again->status, Status::kScheduled);
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), 1);

  domain::NewExecution other = wanted;
  other.parameters = R"({"a": 1})";
  EXPECT_EQ(ReasonOf(storage::CreateExecution(session_, other).status()), Reason::kRecordIdConflict);
  // The same JSON in other letters is the same.
  domain::NewTriggerEvent event{.id = NewId(), .trigger_ref = "t", .source = "", .payload = R"({"b":1,"a":2})"};
  ASSERT_THAT(storage::RecordEvent(session_, event), IsOk());
  event.payload = R"({ "a": 2, "b": 1 })";
  EXPECT_THAT(storage::RecordEvent(session_, event), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM event"), 1);
}

TEST_F(RecordsTest, AfterADayAnIdIsFreeAgain) {
  EnsureDays(-3, 0);
  const domain::NewExecution wanted = Wanted();
  database_.Execute(fmt::format(
      "INSERT INTO execution (id, created, action_ref) VALUES ('{}', now() - interval '25 hours', 'core.echo')",
      wanted.id.id.ToString()));
  ASSERT_THAT(storage::CreateExecution(session_, wanted), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), 2);
}

TEST_F(RecordsTest, OfManyThatSendOneIdOneMakesIt) {
  const domain::NewExecution wanted = Wanted();
  std::set<std::int64_t> created;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      storage::Session session(database_.conninfo(), "racer");
      auto made = storage::CreateExecution(session, wanted);
      EXPECT_THAT(made, IsOk());
      const std::scoped_lock lock(mutex);
      if (made.ok()) created.insert(made->created);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(created, SizeIs(1));
  EXPECT_EQ(Number("SELECT count(*) FROM execution"), 1);
}

TEST_F(RecordsTest, EveryMoveOfTheTableAndNoOther) {
  for (std::size_t from = 0; from < domain::kExecutionStatuses.size(); ++from) {
    for (std::size_t to = 0; to < domain::kExecutionStatuses.size(); ++to) {
      const auto before = static_cast<Status>(from);
      const auto after = static_cast<Status>(to);
      const domain::Execution made = Made();
      database_.Execute(fmt::format("UPDATE execution SET status = '{}' WHERE id = '{}'", domain::NameOf(before),
                                    made.id.ToString()));
      auto moved = Move(made, before, after);
      EXPECT_EQ(moved.ok(), domain::FromStatus(moved.status()).reason != Reason::kIllegalTransition);
      const std::string stored = Text(fmt::format("SELECT status FROM execution WHERE id = '{}'", made.id.ToString()));
      EXPECT_EQ(stored, domain::NameOf(moved.ok() ? after : before)) << domain::NameOf(after);
    }
  }
}

TEST_F(RecordsTest, TimesAreTheDatabasesAndMarkTheWay) {
  const domain::Execution made = Made();
  auto scheduled = Move(made, Status::kRequested, Status::kScheduled);
  ASSERT_THAT(scheduled, IsOk());
  EXPECT_FALSE(scheduled->started_at);
  auto running = Move(made, Status::kScheduled, Status::kRunning);
  ASSERT_THAT(running, IsOk());
  EXPECT_TRUE(running->started_at);
  EXPECT_FALSE(running->finished_at);
  EXPECT_GT(running->updated, scheduled->updated);
  auto done = Move(made, Status::kRunning, Status::kFailed);
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->started_at, running->started_at);
  EXPECT_GE(*done->finished_at, *done->started_at);
}

TEST_F(RecordsTest, OfManyMoversOneWins) {
  for (int round = 0; round < 20; ++round) {
    const domain::Execution made = Made();
    std::atomic<int> won = 0;
    std::atomic<int> lost = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        storage::Session session(database_.conninfo(), "mover");
        auto moved = storage::MoveExecution(
            session, MoveOf(made, Status::kRequested, i % 2 == 0 ? Status::kScheduled : Status::kCancelled));
        if (moved.ok()) ++won;
        if (ReasonOf(moved.status()) == Reason::kStatusConflict) ++lost;
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, 5);
  }
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history WHERE operation = 'UPDATE'"), 20);
}

TEST_F(RecordsTest, AnEnforcementIsResolvedOnceWhoeverTries) {
  domain::NewEnforcement wanted{.id = NewId(), .rule_ref = "r", .trigger_ref = "t", .condition = "{}", .payload = "{}"};
  auto made = storage::CreateEnforcement(session_, wanted);
  ASSERT_THAT(made, IsOk());
  const domain::RecordKey key{made->id, made->created};
  auto resolved = storage::ResolveEnforcement(session_, {key, domain::EnforcementStatus::kProcessed});
  ASSERT_THAT(resolved, IsOk());
  EXPECT_TRUE(resolved->resolved_at);
  auto again = storage::ResolveEnforcement(session_, {key, domain::EnforcementStatus::kProcessed});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->resolved_at, resolved->resolved_at);
  EXPECT_EQ(ReasonOf(storage::ResolveEnforcement(session_, {key, domain::EnforcementStatus::kDisabled}).status()),
            Reason::kStatusConflict);
  EXPECT_THROW(database_.Execute("UPDATE enforcement SET status = 'disabled'"), pqxx::sql_error);
  EXPECT_THROW(database_.Execute("UPDATE enforcement SET status = 'created', resolved_at = NULL"), pqxx::sql_error);
}

TEST_F(RecordsTest, AnEventNeverChanges) {
  ASSERT_THAT(storage::RecordEvent(session_, {.id = NewId(), .trigger_ref = "t", .source = "", .payload = "{}"}),
              IsOk());
  EXPECT_THROW(database_.Execute("UPDATE event SET source = 'other'"), pqxx::sql_error);
  EXPECT_EQ(Text("SELECT source FROM event"), "");
}

TEST_F(RecordsTest, FoundWithoutItsTimeHoweverOld) {
  for (const int days : {0, 1, 3, 10, 40, 99}) {
    EnsureDays(-days, 1 - days);
    for (const bool version7 : {true, false}) {
      domain::Uuid id = ids_.Make();
      // Not a guess that is right by chance: an id of version 7 is of today here.
      if (!version7) id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0F) | 0x40);
      database_.Execute(
          fmt::format("INSERT INTO execution (id, created, action_ref) VALUES ('{}', now() - interval '{} days', 'a')",
                      id.ToString(), days));
      auto found = storage::GetExecution(session_, {id, std::nullopt});
      ASSERT_THAT(found, IsOk()) << days;
      EXPECT_EQ(found->id, id);
      EXPECT_THAT(storage::GetExecution(session_, {id, found->created}), IsOk());
      EXPECT_EQ(ReasonOf(storage::GetExecution(session_, {id, found->created + 1}).status()), Reason::kRecordNotFound);
    }
  }
  EXPECT_EQ(ReasonOf(storage::GetExecution(session_, {ids_.Make(), std::nullopt}).status()), Reason::kRecordNotFound);
}

TEST_F(RecordsTest, ListsOverManyDaysByPages) {
  EnsureDays(-100, -89);
  EnsureDays(-11, 0);
  database_.Execute(
      "INSERT INTO execution (action_ref, created, status) SELECT 'a' || i % 2, now() - i * interval '12 hours', "
      "CASE WHEN i % 3 = 0 THEN 'failed' ELSE 'completed' END FROM generate_series(0, 199) i WHERE i < 20 OR i >= 180");
  for (const auto& [ref, status, expected] :
       {std::tuple{"", "", 40}, {"a1", "", 20}, {"", "failed", 14}, {"a0", "failed", 8}}) {
    std::vector<std::int64_t> times;
    domain::RecordQuery query{.ref = ref, .status = status, .page_size = 7};
    for (;;) {
      auto page = storage::ListExecutions(session_, query);
      ASSERT_THAT(page, IsOk());
      const bool more = page->size() > 7;
      if (more) page->pop_back();
      for (const auto& execution : *page) times.push_back(execution.created);
      if (!more) break;
      query.after = domain::RecordPlace{page->back().created, page->back().id.ToString()};
    }
    EXPECT_EQ(times.size(), static_cast<std::size_t>(expected)) << ref << status;
    EXPECT_TRUE(std::ranges::is_sorted(times, std::greater())) << ref << status;
  }
}

TEST_F(RecordsTest, PartitionsThatAreMissingAreMade) {
  if (TestEngine().name != std::string("native"))
    GTEST_SKIP() << "timescaledb makes chunks at the insert, so nothing can be missing. Nothing is lost: the suite "
                    "operations_test_native tries it";
  const auto drop = [&](const std::string& table) {
    const auto partitions = database_.Execute("SELECT name FROM partitions_of('" + table + "')");
    for (const auto& row : partitions) database_.Execute("DROP TABLE " + std::string(row[0].c_str()));
  };
  drop("execution");
  const domain::Execution made = Made();
  drop("execution_history");
  EXPECT_THAT(Move(made, Status::kRequested, Status::kScheduled), IsOk());
  drop("event");
  EXPECT_THAT(storage::RecordEvent(session_, {.id = NewId(false), .trigger_ref = "t", .source = "", .payload = "{}"}),
              IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history"), 1);
}

TEST_F(RecordsTest, AConnectionThatIsLostIsToldAndARepeatHelps) {
  const domain::NewExecution wanted = Wanted();
  ASSERT_THAT(session_.EnsureConnected(), IsOk());
  database_.Execute(fmt::format("SELECT pg_terminate_backend({})", session_.backend_pid()));
  // An id of the client's: it is tried again.
  ASSERT_THAT(storage::CreateExecution(session_, wanted), IsOk());
  auto made = storage::GetExecution(session_, {wanted.id.id, std::nullopt});
  ASSERT_THAT(made, IsOk());
  database_.Execute(fmt::format("SELECT pg_terminate_backend({})", session_.backend_pid()));
  EXPECT_EQ(ReasonOf(Move(*made, Status::kRequested, Status::kScheduled).status()), Reason::kCommitUnknown);
  EXPECT_THAT(Move(*made, Status::kRequested, Status::kScheduled), IsOk());
}

}  // namespace
}  // namespace eventstore::testing
