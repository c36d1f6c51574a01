#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/append_statements.h"
#include "server/storage/pipeline_session.h"
#include "server/storage/recent_chunks.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/test_engine.h"

namespace eventstore::storage {
namespace {

using ::eventstore::testing::IsOk;
using ::eventstore::testing::TestDatabase;
using ::testing::Le;

// A prepared statement that names the hypertable is tried from its sixth execution on with a plan for any time, which
// locks every chunk: in a store of many years the lock table then overflows and no append succeeds any more.
TEST(AppendLocksTest, LookingUpIdsLocksChunksOfTheLastDayOnly) {
  const TestDatabase database;
  database.EnsureDays(-40, 0);
  database.Execute(R"sql(
    INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                           global_position)
    SELECT gen_random_uuid(), now() - day * interval '1 day', gen_random_uuid(), 'entity', 'old', '{}', '{}', 1, 'api', day
    FROM generate_series(0, 40) day
  )sql");
  domain::AppendBatch batch;
  batch.appends.emplace_back().events.emplace_back().id = *domain::Uuid::Parse("01900000-0000-7000-8000-000000000001");
  const std::vector<const domain::AppendBatch*> requests{&batch};

  PipelineSession session(database.conninfo(), "test", kAppendSettings);
  const Prepared locked{"locked", R"sql(
    SELECT count(DISTINCT t.relname) FROM pg_locks l JOIN pg_class t ON t.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND t.relkind = 'r'
      AND (t.relname LIKE '\_hyper\_%' OR t.relname LIKE 'events\_v2\_p2%')
  )sql"};
  RecentChunks chunks;
  chunks.Use(::eventstore::testing::TestEngine().recent);
  ASSERT_THAT(chunks.Load(session), IsOk());
  for (int execution = 1; execution <= 8; ++execution) {
    ASSERT_THAT(AddBegin(session, {0}, LaneMode::kAlone, requests, chunks), IsOk());
    ASSERT_THAT(session.Send(), IsOk());
    ASSERT_THAT(CollectBefore(session, requests, chunks), IsOk());
    ASSERT_THAT(session.Add(locked), IsOk());
    auto rows = session.Run();
    ASSERT_THAT(rows, IsOk());
    EXPECT_THAT(rows->at(0).Int8(0, 0), Le(2)) << "execution " << execution;
    ASSERT_THAT(AddRollback(session), IsOk());
    ASSERT_THAT(session.Run(), IsOk());
  }
}

// Which indexes the statements before a decision read, as PostgreSQL counts it for their transaction.
TEST(AppendLocksTest, HeadsAndIdsAreLookedUpByTheirKeys) {
  const TestDatabase database;
  database.EnsureDays(-1, 0);
  database.Execute(R"sql(
    INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                           global_position)
    SELECT gen_random_uuid(), now() - n * interval '10 seconds', gen_random_uuid(), 'entity', 'new', '{}', '{}', 1, 'api', n
    FROM generate_series(0, 8000) n;
    INSERT INTO aggregate_heads SELECT aggregate_id, 1, timestamp, timestamp FROM events_v2;
    ANALYZE events_v2; ANALYZE aggregate_heads;
  )sql");
  domain::AppendBatch batch;
  for (std::uint64_t n = 1; n <= 20; ++n) {
    batch.appends.emplace_back().aggregate_id = domain::Uuid::MakeV7(1, n, n);
    batch.appends.back().events.emplace_back().id = domain::Uuid::MakeV7(2, n, n);
  }
  const std::vector<const domain::AppendBatch*> requests{&batch};
  PipelineSession session(database.conninfo(), "test", kAppendSettings);
  const Prepared forget{"forget", "SELECT pg_stat_force_next_flush()"};
  const Prepared touched{"touched", R"sql(
    -- An index of a partition by the name of the whole table's.
    SELECT DISTINCT coalesce((SELECT w.relname FROM pg_inherits h JOIN pg_class w ON w.oid = h.inhparent
                              WHERE h.inhrelid = i.oid),
                             substring(i.relname FROM '(?:aggregate_heads|events_v2)_.*'))
    FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE pg_stat_get_xact_numscans(i.oid) > 0 AND (t.relname = 'aggregate_heads' OR t.relname LIKE '\_hyper\_%'
      OR t.relname LIKE 'events\_v2\_p2%')
    UNION ALL
    SELECT t.relname || ':all' FROM pg_class t
    WHERE t.relkind = 'r' AND pg_stat_get_xact_numscans(t.oid) > 0
      AND (t.relname = 'aggregate_heads' OR t.relname LIKE '\_hyper\_%' OR t.relname LIKE 'events\_v2\_p2%')
  )sql"};
  RecentChunks chunks;
  chunks.Use(::eventstore::testing::TestEngine().recent);
  ASSERT_THAT(chunks.Load(session), IsOk());
  for (int execution = 1; execution <= 8; ++execution) {
    ASSERT_THAT(session.Add(forget), IsOk());
    ASSERT_THAT(session.Run(), IsOk());
    ASSERT_THAT(AddBegin(session, {0}, LaneMode::kAlone, requests, chunks), IsOk());
    ASSERT_THAT(session.Send(), IsOk());
    ASSERT_THAT(CollectBefore(session, requests, chunks), IsOk());
    ASSERT_THAT(session.Add(touched), IsOk());
    auto rows = session.Run();
    ASSERT_THAT(rows, IsOk());
    std::vector<std::string> names;
    for (int row = 0; row < rows->at(0).size(); ++row) names.push_back(rows->at(0).Text(row, 0));
    // To plan for a range of time, PostgreSQL also looks up the ends of the index on it.
    EXPECT_THAT(names, ::testing::IsSupersetOf({"aggregate_heads_pkey", "events_v2_pkey"})) << execution;
    EXPECT_THAT(names, ::testing::Each(::testing::Not(::testing::EndsWith(":all")))) << execution;
    ASSERT_THAT(AddRollback(session), IsOk());
    ASSERT_THAT(session.Run(), IsOk());
  }
}

}  // namespace
}  // namespace eventstore::storage
