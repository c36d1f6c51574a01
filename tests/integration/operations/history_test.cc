// History: a row for each change of a followed field and for nothing else.
#include "server/storage/operations/history_reader.h"

#include "fmt/format.h"
#include "server/storage/operations/worker_store.h"
#include "tests/integration/operations/operations_fixture.h"

namespace eventstore::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HistoryTest : public OperationsTest {
 protected:
  std::vector<domain::HistoryEntry> Of(domain::HistoryQuery query) {
    if (query.page_size == 0) query.page_size = 1'000;
    auto entries = storage::ReadHistory(session_, query);
    EXPECT_THAT(entries, IsOk());
    return entries.value_or(std::vector<domain::HistoryEntry>{});
  }
};

TEST_F(HistoryTest, ReplaysThePathOfEveryExecution) {
  std::vector<domain::Execution> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(Made(fmt::format("action.{}", i)));
    ASSERT_THAT(Move(all.back(), Status::kRequested, Status::kScheduled), IsOk());
    ASSERT_THAT(Move(all.back(), Status::kScheduled, Status::kRunning), IsOk());
    ASSERT_THAT(Move(all.back(), Status::kRunning, i % 2 == 0 ? Status::kCompleted : Status::kTimeout), IsOk());
  }
  for (int i = 0; i < 5; ++i) {
    std::vector<std::string> path;
    for (const auto& entry : Of({.table = "execution", .entity_id = all[static_cast<std::size_t>(i)].id.ToString()})) {
      EXPECT_EQ(entry.entity_ref, fmt::format("action.{}", i));
      path.push_back(Text("SELECT '" + entry.new_values + "'::jsonb ->> 'status'"));
    }
    EXPECT_THAT(path, ElementsAre("requested", "scheduled", "running", i % 2 == 0 ? "completed" : "timeout"));
  }
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history"), 20);
}

TEST_F(HistoryTest, HeartbeatsLeaveNoRow) {
  auto worker = storage::RegisterWorker(session_, {.made_id = ids_.Make(), .name = "w", .capabilities = "{}"});
  ASSERT_THAT(worker, IsOk());
  for (int i = 0; i < 10; ++i) ASSERT_THAT(storage::HeartbeatWorker(session_, worker->id), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM worker_history"), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM worker WHERE updated > created AND last_heartbeat > created"), 1);
  // Registering again with what is known already is a heartbeat too.
  ASSERT_THAT(storage::RegisterWorker(session_, {.made_id = ids_.Make(), .name = "w", .capabilities = "{}"}), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM worker_history"), 1);
  ASSERT_THAT(storage::DrainWorker(session_, worker->id), IsOk());
  ASSERT_THAT(storage::DrainWorker(session_, worker->id), IsOk());
  ASSERT_THAT(storage::DeregisterWorker(session_, worker->id, true), IsOk());
  const auto entries = Of({.table = "worker"});
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_THAT(entries[1].changed_fields, ElementsAre("status"));
  EXPECT_EQ(entries[1].old_values, R"({"status": "active"})");
  EXPECT_EQ(entries[2].operation, "DELETE");
  EXPECT_EQ(entries[2].new_values, "");
  EXPECT_THAT(entries[2].old_values, HasSubstr(R"("status": "draining")"));
}

TEST_F(HistoryTest, LargeValuesAreDigests) {
  const domain::Execution made = Made();
  for (const auto& [letters, whole] : {std::pair{4'096 - 9, true}, {4'097 - 9, false}}) {
    database_.Execute(
        fmt::format("UPDATE execution SET result = jsonb_build_object('r', repeat('x', {})) "
                    "WHERE id = '{}'",
                    letters, made.id.ToString()));
    const std::string kept =
        Text("SELECT new_values -> 'result' FROM execution_history ORDER BY position DESC LIMIT 1");
    const std::string stored = Text("SELECT result FROM execution");
    EXPECT_EQ(stored.size(), static_cast<std::size_t>(letters + 9));
    if (whole) {
      EXPECT_EQ(kept, stored);
    } else {
      EXPECT_EQ(kept, Text("SELECT jsonb_build_object('digest', 'sha256:' || encode(sha256(convert_to(result::text, "
                           "'UTF8')), 'hex'), 'size', octet_length(result::text), 'type', 'object') FROM execution"));
    }
  }
}

TEST_F(HistoryTest, AnUpdateThatChangesNothingLeavesNoRow) {
  const domain::Execution made = Made();
  database_.Execute("UPDATE execution SET status = status, parameters = '{\"other\": 1}'");
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history"), 1);
  // Neither does what is rolled back.
  database_.Execute("SAVEPOINT s; UPDATE execution SET status = 'failed'; ROLLBACK TO SAVEPOINT s");
  EXPECT_EQ(Number("SELECT count(*) FROM execution_history"), 1);
  database_.Execute("DELETE FROM execution");
  EXPECT_EQ(Text("SELECT operation FROM execution_history ORDER BY position DESC LIMIT 1"), "DELETE");
}

TEST_F(HistoryTest, Filters) {
  const domain::Execution a = Made("a");
  const domain::Execution b = Made("b");
  for (const auto& one : {a, b}) ASSERT_THAT(Move(one, Status::kRequested, Status::kScheduled), IsOk());
  ASSERT_THAT(Move(a, Status::kScheduled, Status::kFailed), IsOk());
  EXPECT_THAT(Of({.table = "execution", .entity_ref = "a"}), SizeIs(3));
  EXPECT_THAT(Of({.table = "execution", .status = "scheduled"}), SizeIs(2));
  EXPECT_THAT(Of({.table = "execution", .field = "finished_at"}), SizeIs(3));
  EXPECT_THAT(Of({.table = "execution", .entity_ref = "b", .field = "finished_at"}), SizeIs(1));
  const auto all = Of({.table = "execution"});
  EXPECT_THAT(Of({.table = "execution", .range = {all[1].time, all[3].time}}), SizeIs(2));
  auto backward = Of({.table = "execution", .direction = domain::Direction::kBackward, .page_size = 2});
  ASSERT_THAT(backward, SizeIs(3));
  EXPECT_EQ(backward[0].position, all.back().position);
  const domain::RecordPlace after{backward[1].time, std::to_string(backward[1].position)};
  backward = Of({.table = "execution", .direction = domain::Direction::kBackward, .after = after});
  ASSERT_THAT(backward, SizeIs(3));
  EXPECT_EQ(backward.back().position, all.front().position);
  EXPECT_EQ(ReasonOf(storage::ReadHistory(session_, {.table = "event", .page_size = 1}).status()),
            domain::Reason::kTableNotTracked);
  EXPECT_EQ(ReasonOf(storage::ReadHistory(session_, {.table = "execution", .entity_id = "x", .page_size = 1}).status()),
            domain::Reason::kInvalidRequest);
}

TEST_F(HistoryTest, ATableOfTheUsersOwn) {
  database_.Execute(
      "CREATE SCHEMA shop; CREATE TABLE shop.\"Order\" (num int PRIMARY KEY, label text, state text, "
      "doc json)");
  EXPECT_EQ(Text("SELECT track_history('shop.\"Order\"', '{state,doc}', 'label', 'num')"), "Order_history");
  database_.Execute("INSERT INTO shop.\"Order\" VALUES (7, 'seven', 'new', '{}')");
  database_.Execute("UPDATE shop.\"Order\" SET doc = '{\"a\": 1}', label = 'VII'");
  database_.Execute("UPDATE shop.\"Order\" SET label = 'still not followed'");
  const auto entries = Of({.table = "shop.\"Order\"", .entity_id = "7"});
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_THAT(entries[1].changed_fields, ElementsAre("doc"));
  EXPECT_EQ(entries[1].entity_ref, "VII");
  EXPECT_EQ(entries[1].new_values, R"({"doc": {"a": 1}})");
  // Other fields from now on; what is recorded stays.
  database_.Execute("SELECT track_history('shop.\"Order\"', '{label}', 'label', 'num')");
  database_.Execute("UPDATE shop.\"Order\" SET doc = '{}'");
  database_.Execute("UPDATE shop.\"Order\" SET label = 'x'");
  EXPECT_THAT(Of({.table = "shop.\"Order\""}), SizeIs(3));
  EXPECT_EQ(Text("SELECT untrack_history('shop.\"Order\"')"), "t");
  database_.Execute("UPDATE shop.\"Order\" SET label = 'y'");
  EXPECT_EQ(Number("SELECT count(*) FROM \"Order_history\""), 3);
}

TEST_F(HistoryTest, WhoeverWritesToATableNeedsNoRightsOnItsHistory) {
  database_.Execute(
      "CREATE TABLE thing (id int PRIMARY KEY, status text); SELECT track_history('thing', '{status}');"
      "DO $$ BEGIN CREATE ROLE history_test_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
      "GRANT INSERT, UPDATE, SELECT ON thing TO history_test_app");
  database_.Execute("SET ROLE history_test_app; INSERT INTO thing VALUES (1, 'a'); UPDATE thing SET status = 'b'");
  EXPECT_EQ(Number("SELECT count(*) FROM thing_history"), 2);
}

TEST_F(HistoryTest, WhatCannotBeFollowedIsRefused) {
  database_.Execute(
      "CREATE TABLE thing (id int PRIMARY KEY, status text); CREATE TABLE taken_history (x int);"
      "CREATE TABLE taken (id int, status text)");
  for (const char* bad :
       {"SELECT track_history('thing', '{}')", "SELECT track_history('thing', '{nope}')",
        "SELECT track_history('thing', '{status}', 'nope')", "SELECT track_history('thing', '{status}', NULL, 'nope')",
        "SELECT track_history('taken', '{status}')",
        "SELECT track_history('thing', (SELECT array_agg('status'::text) FROM generate_series(1, 51)))"}) {
    EXPECT_THROW(database_.Execute(bad), pqxx::sql_error) << bad;
  }
  EXPECT_EQ(Number("SELECT count(*) FROM tracked_tables"), 2);
}

}  // namespace
}  // namespace eventstore::testing
