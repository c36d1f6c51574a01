// The plans that matter. Not what EXPLAIN says of a copy of the SQL, but which tables and indexes the real reads touch,
// as PostgreSQL counts it for the transaction they run in.
#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "server/storage/head_reader.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

// Ten days up to tomorrow, large enough that an index is worth it.
class PlanTest : public CursorTest {
 protected:
  PlanTest() {
    history_.start = (domain::SystemClock().Now() / domain::kMicrosPerDay - 8) * domain::kMicrosPerDay;
    history_.Insert(database_);
    database_.Execute("ANALYZE events_v2; ANALYZE aggregate_heads");
    EXPECT_THAT(chunks_.All(session_), IsOk());
  }

  // "table:index" for each index that was scanned, "table:all" for each table that was read as a whole, chunks and
  // aggregate_heads only.
  std::set<std::string> Touched(const std::function<void()>& read) {
    return InTransaction(read, R"sql(
      SELECT t.relname || ':' ||
             coalesce((SELECT w.relname FROM pg_inherits h JOIN pg_class w ON w.oid = h.inhparent
                       WHERE h.inhrelid = i.oid),  -- of a partition: by the name of the whole table's
                      replace(i.relname, t.relname || '_', ''))
      FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
      WHERE pg_stat_get_xact_numscans(i.oid) > 0 AND (t.relname = 'aggregate_heads' OR t.relname LIKE '\_hyper\_%'
                                                  OR t.relname LIKE 'events\_v2\_p2%')
      UNION ALL
      SELECT t.relname || ':all' FROM pg_class t
      WHERE t.relkind = 'r' AND pg_stat_get_xact_numscans(t.oid) > 0
        AND (t.relname = 'aggregate_heads' OR t.relname LIKE '\_hyper\_%' OR t.relname LIKE 'events\_v2\_p2%'))sql");
  }

  // Chunks that are locked, which a plan does to each table it opens.
  std::set<std::string> Locked(const std::function<void()>& read) {
    return InTransaction(read, R"sql(
      SELECT t.relname FROM pg_locks l JOIN pg_class t ON t.oid = l.relation
      WHERE l.pid = pg_backend_pid() AND t.relkind = 'r'
        AND (t.relname LIKE '\_hyper\_%' OR t.relname LIKE 'events\_v2\_p2%'))sql");
  }

  // Each chunk that was touched was read by this index and none as a whole. Other indexes may show as well: to plan for
  // a range, PostgreSQL looks up the ends of an index on that column.
  static std::set<std::string> ExpectChunksReadBy(const std::string& index, const std::set<std::string>& touched) {
    std::set<std::string> chunks;
    for (const std::string& one : touched) {
      EXPECT_FALSE(one.ends_with(":all")) << one;
      if (one.starts_with("_hyper_") || one.starts_with("events_v2_p2")) chunks.insert(one.substr(0, one.find(':')));
    }
    EXPECT_FALSE(chunks.empty());
    for (const std::string& chunk : chunks) {
      EXPECT_TRUE(std::ranges::any_of(
          touched, [&](const std::string& one) { return one.starts_with(chunk + ":") && one.ends_with(index); }))
          << chunk << " was not read by " << index << " in " << ::testing::PrintToString(touched);
    }
    return chunks;
  }

  // Round trips that need a transaction, which is all of them outside of one.
  std::int64_t Trips(const std::function<void()>& read) {
    const auto transactions = [&] {
      auto rows = session_.RunText(
          "SELECT split_part(virtualtransaction, '/', 2)::bigint FROM pg_locks "
          "WHERE pid = pg_backend_pid() AND locktype = 'virtualxid'",
          {});
      EXPECT_THAT(rows, IsOk());
      return rows.ok() ? (*rows)[0][0].as<std::int64_t>() : 0;
    };
    const std::int64_t before = transactions();
    read();
    return transactions() - before - 1;
  }

  std::string ChunkAt(domain::TimeMicros time) {
    auto chunks = chunks_.Within(session_, {time, time + 1});
    EXPECT_THAT(chunks, IsOk());
    const std::string table = chunks->front().table;
    return table.substr(table.rfind('.') + 1);
  }

  History history_{.days = 10, .events_a_day = 3'000, .aggregates = 3'000, .users = 3'000, .correlations = 3'000};

 private:
  std::set<std::string> InTransaction(const std::function<void()>& read, const std::string& question) {
    // What was counted before is reported and forgotten first.
    EXPECT_THAT(session_.RunScript("SELECT pg_stat_force_next_flush()"), IsOk());
    EXPECT_THAT(session_.RunScript("BEGIN"), IsOk());
    read();
    auto rows = session_.RunScript(question);
    EXPECT_THAT(rows, IsOk());
    std::set<std::string> names;
    if (rows.ok()) {
      for (const auto& row : *rows) names.insert(row[0].c_str());
    }
    EXPECT_THAT(session_.RunScript("ROLLBACK"), IsOk());
    return names;
  }
};

TEST_F(PlanTest, AnAggregateOfOneDayIsReadFromOneIndexOfOneChunk) {
  Instance instance(database_.conninfo());
  const auto answer = instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1), Event(2), Event(3)}));
  ASSERT_THAT(answer, IsOk());
  const std::string chunk = ChunkAt(answer->front().events[0].timestamp);
  const auto read = [&] {
    domain::AggregateQuery query;
    query.aggregate_id = AggregateIn(0);
    storage::AggregateCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor).size(), 3U);
  };
  EXPECT_THAT(Touched(read), UnorderedElementsAre("aggregate_heads:pkey", chunk + ":events_v2_aggregate"));
  EXPECT_THAT(Locked(read), UnorderedElementsAre(chunk));
}

TEST_F(PlanTest, AHeadIsLookedUpByItsKey) {
  EXPECT_THAT(Touched([&] {
                auto head = storage::ReadHead(session_, History::AggregateId(2));
                ASSERT_THAT(head, IsOk());
                EXPECT_EQ(head->version, 10);
              }),
              UnorderedElementsAre("aggregate_heads:pkey"));
}

TEST_F(PlanTest, APageInGlobalOrderIsReadFromTheIndexOfPositions) {
  ExpectChunksReadBy("events_v2_position",
                     Touched([&] { EXPECT_EQ(Read(*All(domain::Direction::kForward, 50, 15'100)).size(), 50U); }));
  ExpectChunksReadBy("events_v2_position",
                     Touched([&] { EXPECT_EQ(Read(*All(domain::Direction::kBackward, 50)).size(), 50U); }));
}

TEST_F(PlanTest, AUserAndACorrelationHaveIndexesOfTheirOwn) {
  ExpectChunksReadBy("events_v2_user", Touched([&] { EXPECT_EQ(Read(*User(5)).size(), 10U); }));
  ExpectChunksReadBy("events_v2_correlation", Touched([&] { EXPECT_EQ(Read(*Correlated(5)).size(), 10U); }));
  // A range of time opens the chunks it overlaps and no other.
  domain::UserQuery query;
  query.user_id = History::User(5);
  query.range = {history_.TimeOf(3'001), history_.TimeOf(6'001)};
  const auto one_day = [&] {
    storage::UserCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor).size(), 1U);
  };
  EXPECT_THAT(Locked(one_day), UnorderedElementsAre(ChunkAt(history_.TimeOf(3'001))));
}

TEST_F(PlanTest, OfClosedChunksThoseAreOpenedThatHoldWhatIsAskedFor) {
  // One event of day 1 and one of day 4 are special in every way.
  for (const int n : {3'017, 12'017}) {
    database_.Execute(fmt::format(
        "UPDATE events_v2 SET user_id = 'special', event_type = 'special', aggregate_id = '{0}', version = {1}, "
        "correlation_id = '{0}' WHERE global_position = {2}",
        AggregateIn(0).ToString(), n == 3'017 ? 1 : 2, n));
  }
  database_.Execute(
      fmt::format("INSERT INTO aggregate_heads SELECT aggregate_id, 2, min(timestamp), max(timestamp) "
                  "FROM events_v2 WHERE aggregate_id = '{}' GROUP BY 1",
                  AggregateIn(0).ToString()));
  storage::ChunkCloser closer(database_.conninfo());
  ASSERT_THAT(closer.Step({}), IsOk());
  const auto chunk = [&](int day) { return ChunkAt(history_.start + day * domain::kMicrosPerDay); };
  // Yesterday's may not be over for long enough.
  const bool eight = database_.Execute("SELECT count(*) FROM closed_chunks")[0][0].as<int>() == 8;
  std::set<std::string> expected{chunk(1), chunk(4), chunk(8), chunk(9)};
  if (!eight) expected.insert(chunk(7));
  const auto aggregate = [&] {
    domain::AggregateQuery query;
    query.aggregate_id = AggregateIn(0);
    storage::AggregateCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor).size(), 2U);
  };
  const auto newest = [&] {
    domain::AggregateQuery query;
    query.aggregate_id = AggregateIn(0);
    query.direction = domain::Direction::kBackward;
    query.max_events = 1;
    storage::AggregateCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor), (Numbers{12'017}));
  };
  const auto user = [&] {
    domain::UserQuery query;
    query.user_id = "special";
    storage::UserCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor).size(), 2U);
  };
  const auto correlated = [&] {
    storage::PositionCursor cursor(domain::CorrelationQuery{AggregateIn(0), {}, {}}, chunks_);
    EXPECT_EQ(Read(cursor).size(), 2U);
  };
  const auto typed = [&] {
    domain::ReadAllQuery query;
    query.filter.event_types = {"special"};
    storage::PositionCursor cursor(query, chunks_);
    EXPECT_EQ(Read(cursor).size(), 2U);
  };
  const auto counted = [&] {
    domain::CountQuery query;
    query.filter.event_types = {"special"};
    EXPECT_EQ(storage::CountEvents(session_, chunks_, query)->count, 2);
  };
  const auto position = [&] {
    EXPECT_EQ(Read(*All(domain::Direction::kForward, 2, 12'020)), (Numbers{12'021, 12'022}));
  };
  for (int i = 0; i < 3; ++i) {  // as text, prepared, and prepared before
    EXPECT_THAT(Locked(aggregate), UnorderedElementsAre(chunk(1), chunk(4)));
    EXPECT_THAT(Locked(newest), UnorderedElementsAre(chunk(4)));
    EXPECT_THAT(Locked(user), UnorderedElementsAreArray(expected));
    EXPECT_THAT(Locked(correlated), UnorderedElementsAreArray(expected));
    EXPECT_THAT(Locked(typed), UnorderedElementsAreArray(expected));
    std::set<std::string> open = expected;
    open.erase(chunk(1));
    open.erase(chunk(4));
    EXPECT_THAT(Locked(counted), UnorderedElementsAreArray(open));
    open.insert(chunk(4));
    EXPECT_THAT(Locked(position), UnorderedElementsAreArray(open));
  }
}

TEST_F(PlanTest, ClosedChunksThatAreNeededForSureAreAskedInOneRoundTrip) {
  storage::ChunkCloser closer(database_.conninfo());
  ASSERT_THAT(closer.Step({}), IsOk());
  // Each has one event a day, yesterday's chunk may be open, and today's and tomorrow's are.
  const auto aggregate = [&](domain::Direction direction, int events) {
    return [=, this] { EXPECT_EQ(Read(*Aggregate(2, direction, events)).size(), static_cast<std::size_t>(events)); };
  };
  const auto user = [&](domain::Direction direction, int events) {
    return [=, this] { EXPECT_EQ(Read(*User(5, direction, events)).size(), static_cast<std::size_t>(events)); };
  };
  const auto days = [&](int from, int to) {
    std::vector<std::string> chunks;
    for (int day = from; day <= to; ++day) {
      chunks.push_back(ChunkAt(history_.start + day * domain::kMicrosPerDay));
    }
    return chunks;
  };
  for (int i = 0; i < 3; ++i) {  // as text, prepared, and prepared before
    EXPECT_THAT(Locked(aggregate(domain::Direction::kForward, 5)), UnorderedElementsAreArray(days(0, 4)));
    EXPECT_THAT(Locked(aggregate(domain::Direction::kBackward, 8)), UnorderedElementsAreArray(days(2, 9)));
    EXPECT_THAT(Locked(user(domain::Direction::kForward, 5)), UnorderedElementsAreArray(days(0, 4)));
    EXPECT_THAT(Locked(user(domain::Direction::kBackward, 8)), UnorderedElementsAreArray(days(2, 9)));
    EXPECT_EQ(Trips(aggregate(domain::Direction::kForward, 1)), Trips(aggregate(domain::Direction::kForward, 6)));
    EXPECT_EQ(Trips(aggregate(domain::Direction::kBackward, 3)), Trips(aggregate(domain::Direction::kBackward, 10)));
    EXPECT_EQ(Trips(user(domain::Direction::kForward, 1)), Trips(user(domain::Direction::kForward, 6)));
    EXPECT_EQ(Trips(user(domain::Direction::kBackward, 4)), Trips(user(domain::Direction::kBackward, 10)));
  }
}

}  // namespace
}  // namespace eventstore::testing
