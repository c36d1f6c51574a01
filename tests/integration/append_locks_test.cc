#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/append_statements.h"
#include "server/storage/session.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::storage {
namespace {

using ::eventstore::testing::IsOk;
using ::eventstore::testing::TestDatabase;
using ::testing::Le;

// A prepared statement that names the hypertable is tried from its sixth execution on with a plan for any time, which
// locks every chunk: in a store of many years the lock table then overflows and no append succeeds any more.
TEST(AppendLocksTest, LookingUpIdsLocksChunksOfTheLastDayOnly) {
  const TestDatabase database;
  database.Execute(R"sql(
    INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                           global_position)
    SELECT gen_random_uuid(), now() - day * interval '1 day', gen_random_uuid(), 'entity', 'old', '{}', '{}', 1, 'api', day
    FROM generate_series(0, 40) day
  )sql");
  domain::AppendBatch batch;
  batch.appends.emplace_back().events.emplace_back().id = *domain::Uuid::Parse("01900000-0000-7000-8000-000000000001");
  const std::vector<const domain::AppendBatch*> requests{&batch};

  Session session(database.conninfo(), "test");
  ASSERT_THAT(session.RunScript("SET plan_cache_mode = auto"), IsOk());  // as lane writers do
  for (int execution = 1; execution <= 8; ++execution) {
    ASSERT_THAT(session.RunScript("BEGIN"), IsOk());
    auto before = ReadHeads(session, requests);
    ASSERT_THAT(before, IsOk());
    ASSERT_THAT(FindStored(session, requests, before->stamp.now - kIdWindow), IsOk());
    auto locked = session.RunText(
        "SELECT count(DISTINCT c.table_name) FROM pg_locks l JOIN pg_class t ON t.oid = l.relation "
        "JOIN _timescaledb_catalog.chunk c ON c.table_name = t.relname WHERE l.pid = pg_backend_pid()",
        {});
    ASSERT_THAT(locked, IsOk());
    EXPECT_THAT((*locked)[0][0].as<int>(), Le(2)) << "execution " << execution;
    ASSERT_THAT(session.RunScript("ROLLBACK"), IsOk());
  }
}

}  // namespace
}  // namespace eventstore::storage
