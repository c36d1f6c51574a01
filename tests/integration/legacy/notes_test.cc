// Legacy table -> store: what a writer of the legacy table commits comes into the store, once and in order, and nothing else.
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/moving/move_facts.h"
#include "tests/integration/legacy/legacy_fixture.h"
#include "tests/integration/store/eventually.h"

namespace eventstore::moving {
namespace {

using storage::Session;
using ::testing::HasSubstr;
using testing::IsOk;

class NotesTest : public LegacyTest {
 protected:
  void SetUp() override {
    LegacyTest::SetUp();
    Install(LegacyDirection::kLegacyToStore);
  }

  // Versions, times and positions of the store follow what the writer did.
  std::string Story(int a) const {
    return Text(
        fmt::format("SELECT coalesce(string_agg((data ->> 'n') || ':' || version, ' ' ORDER BY version), '') FROM "
                    "events_v2 WHERE aggregate_id = '{}'",
                    testing::Id(static_cast<std::uint64_t>(a)).ToString()));
  }
};

TEST_F(NotesTest, CommittedRowsComeWithAllTheyHold) {
  database_.Execute("INSERT INTO events VALUES ('" + testing::Id(1).ToString() +
                    "', '2026-03-01T10:00:00.123456+02', 'order.placed', '{\"entityId\": \"" +
                    testing::Id(7).ToString() + "\", \"x\": 1.50}', 'me')");
  const ForwardStep step = ForwardAll();
  EXPECT_EQ(step.taken, 1);
  EXPECT_EQ(Count("legacy_outbox"), 0);
  EXPECT_EQ(
      Text("SELECT concat_ws('|', id, timestamp AT TIME ZONE 'UTC', aggregate_id, aggregate_type, event_type, user_id, "
           "data ->> 'x', version, source, metadata ->> 'legacy_id') FROM events_v2"),
      testing::Id(1).ToString() + "|2026-03-01 08:00:00.123456|" + testing::Id(7).ToString() +
          "|entity|order.placed|me|1.50|1|migration|" + testing::Id(1).ToString());
  ExpectCleanStore();
}

TEST_F(NotesTest, WhatIsRolledBackLeavesNothing) {
  ASSERT_THAT(session_.RunScript("BEGIN; " + Rows(1, 1, 5) + " ROLLBACK"), IsOk());
  ASSERT_THAT(
      session_.RunScript("BEGIN; SAVEPOINT s; " + Rows(1, 10, 5) + " ROLLBACK TO s; " + Rows(1, 20, 1) + " COMMIT"),
      IsOk());
  EXPECT_EQ(Count("legacy_outbox"), 1);
  EXPECT_EQ(ForwardAll().taken, 1);
  EXPECT_EQ(Story(1), "20:1");
}

TEST_F(NotesTest, ManyRowsInOneStatementAreNotedAndComeInBatches) {
  database_.Execute(Rows(1, 1, 700));
  EXPECT_EQ(Count("legacy_outbox"), 700);
  EXPECT_EQ(ForwardAll(100).taken, 700);
  EXPECT_EQ(Count("events_v2"), 700);
  ExpectCleanStore();
}

// The older transaction is still open: what came after it waits, so that nothing is ever put before what is taken.
TEST_F(NotesTest, NothingIsTakenBeforeOlderTransactionsHaveEnded) {
  Session slow(database_.conninfo(), "slow");
  ASSERT_THAT(slow.RunScript("BEGIN; " + Rows(1, 1, 1)), IsOk());
  database_.Execute(Rows(1, 2, 1));
  EXPECT_EQ(ForwardAll().taken, 0);
  EXPECT_EQ(Count("legacy_outbox"), 1);
  ASSERT_THAT(slow.RunScript("COMMIT"), IsOk());
  EXPECT_EQ(ForwardAll().taken, 2);
  EXPECT_EQ(Story(1), "1:1 2:2");
  ExpectCleanStore();
}

// A database that was restored into another cluster has transaction ids that this one has not reached.
TEST_F(NotesTest, RowsOfAnotherClusterAreTaken) {
  database_.Execute(Rows(1, 1, 1));
  database_.Execute("UPDATE legacy_outbox SET xid = '9000000000000000'");
  EXPECT_EQ(ForwardAll().taken, 1);
}

TEST_F(NotesTest, WhatIsThereAlreadyIsNotWrittenTwice) {
  database_.Execute(Rows(1, 1, 10));
  ASSERT_EQ(ForwardAll().taken, 10);
  database_.Execute("INSERT INTO legacy_outbox (payload) SELECT to_jsonb(e) FROM events e");
  const ForwardStep again = ForwardAll();
  EXPECT_EQ(again.taken, 10);
  EXPECT_EQ(again.already_there, 10);
  EXPECT_EQ(Count("events_v2"), 10);
  EXPECT_EQ(Count("legacy_outbox"), 0);
}

TEST_F(NotesTest, ABadRowIsKeptWithItsReasonAndTheOthersGoOn) {
  database_.Execute(Rows(1, 1, 1) + "INSERT INTO events (type, data) VALUES ('bad', '[]');" + Rows(1, 2, 1));
  const ForwardStep step = ForwardAll();
  EXPECT_EQ(step.taken, 2);
  EXPECT_EQ(step.refused, 1);
  EXPECT_EQ(Story(1), "1:1 2:2");
  EXPECT_THAT(Text("SELECT error FROM legacy_outbox"), HasSubstr("data"));
  auto status = ReadDualWriteStatus(session_, std::chrono::hours(1));
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->facts.refused_rows, 1);
  EXPECT_THAT(status->last_error, HasSubstr("data"));
  EXPECT_EQ(status->mismatches(), 1);

  database_.Execute("UPDATE legacy_outbox SET payload = jsonb_set(payload, '{data}', '{}')");
  ASSERT_THAT(forwarder_.RetryRefused(), IsOk());
  EXPECT_EQ(ForwardAll().taken, 1);
  EXPECT_EQ(Count("legacy_outbox"), 0);
  EXPECT_EQ(Count("events_v2 WHERE event_type = 'bad'"), 1);
}

TEST_F(NotesTest, AnIdOfAnotherAggregateIsRefused) {
  database_.Execute(Rows(1, 1, 1));
  ASSERT_EQ(ForwardAll().taken, 1);
  database_.Execute("INSERT INTO legacy_outbox (payload) SELECT jsonb_set(to_jsonb(e), '{data,entityId}', to_jsonb('" +
                    testing::Id(2).ToString() + "'::text)) FROM events e");
  const ForwardStep step = ForwardAll();
  EXPECT_EQ(step.refused, 1);
  EXPECT_EQ(step.taken, 0);
  EXPECT_THAT(Text("SELECT error FROM legacy_outbox"), HasSubstr("another event"));
}

TEST_F(NotesTest, ChangesAndDeletionsAreMismatches) {
  database_.Execute(Rows(1, 1, 3));
  database_.Execute("UPDATE events SET type = type");
  EXPECT_EQ(Count("legacy_changes"), 0) << "nothing was changed";
  database_.Execute("UPDATE events SET type = 'other' WHERE data ->> 'n' = '1'");
  database_.Execute("DELETE FROM events WHERE data ->> 'n' = '2'");
  database_.Execute("TRUNCATE events");
  EXPECT_EQ(Text("SELECT string_agg(operation, ' ' ORDER BY seq) FROM legacy_changes"), "UPDATE DELETE TRUNCATE");
  auto facts = ReadMoveFacts(session_);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->changed_rows, 3);
}

TEST_F(NotesTest, TypesThatAreOffWaitAndComeWhenTheyAreOn) {
  ASSERT_THAT(SetEventType(session_, "quiet", false, "tester"), IsOk());
  database_.Execute(Rows(1, 1, 2, "quiet") + Rows(1, 3, 2, "loud"));
  EXPECT_EQ(ForwardAll().taken, 2);
  auto facts = ReadMoveFacts(session_);
  ASSERT_THAT(facts, IsOk());
  EXPECT_EQ(facts->held_rows, 2);
  EXPECT_EQ(facts->waiting_rows, 0);
  ASSERT_THAT(SetEventType(session_, "quiet", true, "tester"), IsOk());
  EXPECT_EQ(ForwardAll().taken, 2);
  EXPECT_EQ(Count("events_v2"), 4);
  ExpectCleanStore();
}

// A writer with no right on any table of ours.
TEST_F(NotesTest, LegacyWritersNeedNoRightsHere) {
  const std::string role = database_.name() + "_writer";
  database_.Execute("CREATE ROLE \"" + role + "\"; GRANT INSERT ON events TO \"" + role + "\"");
  database_.Execute("SET ROLE \"" + role + "\"; " + Rows(1, 1, 1));
  EXPECT_EQ(Count("legacy_outbox"), 1);
  database_.Execute("DROP OWNED BY \"" + role + "\"; DROP ROLE \"" + role + "\"");
}

TEST_F(NotesTest, OnlyOneForwarderWorks) {
  Forwarder other(database_.conninfo(), Rules());
  auto taken = forwarder_.TakeTurn();
  ASSERT_THAT(taken, IsOk());
  EXPECT_TRUE(*taken);
  auto refused = other.TakeTurn();
  ASSERT_THAT(refused, IsOk());
  EXPECT_FALSE(*refused);
}

// Writers, a forwarder and the store's own appends to the same aggregates, all at once.
TEST_F(NotesTest, ManyWritersAtOnce) {
  constexpr int kWriters = 4, kRounds = 30, kAggregates = 3;
  std::atomic<int> running = kWriters;
  std::vector<std::thread> threads;
  for (int w = 0; w < kWriters; ++w) {
    threads.emplace_back([&, w] {
      Session writer(database_.conninfo(), "writer");
      ASSERT_THAT(writer.EnsureConnected(), IsOk());
      for (int round = 0; round < kRounds; ++round) {
        const int first = 1'000 + (w * kRounds + round) * 10;
        const bool kept = round % 5 != 4;
        EXPECT_THAT(
            writer.RunScript("BEGIN; " + Rows(1 + round % kAggregates, first, 2) +
                             Rows(1 + (round + w) % kAggregates, first + 2, 1) + (kept ? " COMMIT" : " ROLLBACK")),
            IsOk());
      }
      --running;
    });
  }
  testing::Instance store(database_.conninfo());
  threads.emplace_back([&] {
    for (std::uint64_t n = 1; running > 0; ++n) {
      ASSERT_THAT(store.Append(testing::One(testing::Id(1 + n % kAggregates), domain::VersionCheck::Any(),
                                            {testing::Event(900'000 + n)})),
                  IsOk());
    }
  });
  while (running > 0) ForwardAll(7);
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(testing::Eventually([&] {
    ForwardAll(50);
    return Count("legacy_outbox") == 0;
  }));
  EXPECT_EQ(Count("events"), kWriters * kRounds * 3 * 4 / 5);
  EXPECT_EQ(Count("events_v2 WHERE source = 'migration'"), Count("events"));
  EXPECT_EQ(Count("events e WHERE NOT EXISTS (SELECT FROM events_v2 v WHERE v.id = e.id AND v.data = e.data)"), 0);
  ExpectCleanStore();
}

TEST(LegacyLink, WhatCannotBeLinkedIsRefused) {
  testing::TestDatabase database;
  Session session(database.conninfo(), "test");
  ASSERT_THAT(session.EnsureConnected(), IsOk());
  LockPatience patience;
  patience.attempts = 1;
  LegacyLink link;
  const auto message = [&] { return std::string(InstallLink(session, link, "tester", patience).message()); };
  EXPECT_THAT(message(), HasSubstr("no table public.events in the store's database"));
  database.Execute(
      "CREATE TABLE events (id text, timestamp timestamptz, type text, data jsonb, must integer NOT NULL)");
  EXPECT_THAT(message(), HasSubstr("column id of public.events is of type text; dual write needs uuid"));
  database.Execute("ALTER TABLE events ALTER id TYPE uuid USING id::uuid");
  EXPECT_THAT(message(), HasSubstr("has no column user_id"));
  link.may_be_missing = {"user_id"};
  link.direction = LegacyDirection::kBoth;
  EXPECT_THAT(message(), HasSubstr("column must of public.events must not be NULL"));
  link.direction = LegacyDirection::kLegacyToStore;
  EXPECT_EQ(message(), "");
  EXPECT_THAT(message(), HasSubstr("is linked already"));
  ASSERT_THAT(RemoveLink(session, "tester", patience), IsOk());
  database.Execute("INSERT INTO events VALUES (gen_random_uuid(), now(), 'x', '{}', 1)");
  EXPECT_EQ(database.Execute("SELECT count(*) FROM legacy_outbox")[0][0].as<int>(), 0);
  EXPECT_EQ(database.Execute("SELECT string_agg(step, ' ' ORDER BY seq) FROM cutover_log")[0][0].c_str(),
            std::string("install remove"));
}

}  // namespace
}  // namespace eventstore::moving
