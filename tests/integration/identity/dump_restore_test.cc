// A store goes to a new cluster with pg_dump and pg_restore, as docs/operations.md says, and goes on there.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/embedded/private_postgres.h"
#include "server/storage/migrator.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_dump.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using ::testing::ElementsAre;

std::unique_ptr<embedded::PrivatePostgres> StartCluster(const std::string& folder) {
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder;
  options.durable = false;
  options.shared_buffers_mb = 64;
  auto started = embedded::PrivatePostgres::Start(options);
  EXPECT_THAT(started, IsOk());
  return started.ok() ? *std::move(started) : nullptr;
}

std::vector<domain::Uuid> IdsAfter(domain::Position from, const std::string& conninfo) {
  storage::Session session(conninfo, "reader");
  storage::ChunkCatalog chunks;
  auto events = ReadAllAfter(from, session, chunks);
  EXPECT_THAT(events, IsOk());
  std::vector<domain::Uuid> ids;
  if (events.ok()) {
    for (const auto& event : *events) ids.push_back(event.id);
  }
  return ids;
}

TEST(DumpRestoreTest, AStoreGoesOnInANewCluster) {
  const TempDir folder;
  auto old_cluster = StartCluster(folder.path() + "/old");
  ASSERT_TRUE(old_cluster);
  storage::Migrator migrator(old_cluster->conninfo(), TestMigrations());
  ASSERT_THAT(migrator.Up({}, {}), IsOk());
  const auto repeated = One(AggregateIn(1), VersionCheck::Exact(0), {Event(1)});
  domain::Position checkpoint = 0;
  {
    // So far ahead that no work of the new cluster would catch up with it.
    storage::Session session(old_cluster->conninfo(), "ahead");
    ASSERT_THAT(session.RunScript("SELECT pg_current_xact_id()"), IsOk());
    for (int i = 0; i < 3'000; ++i) ASSERT_THAT(session.RunScript("SELECT pg_current_xact_id()"), IsOk());
    Instance instance(old_cluster->conninfo());
    const auto answer = instance.Append(repeated);
    ASSERT_THAT(answer, IsOk());
    checkpoint = answer->front().events[0].global_position;
    ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(2), Event(3)})), IsOk());
  }
  ASSERT_THAT(DumpStore(old_cluster->conninfo(), folder.path(), "dump"), IsOk());
  old_cluster->Stop();

  auto new_cluster = StartCluster(folder.path() + "/new");
  ASSERT_TRUE(new_cluster);
  ASSERT_THAT(RestoreStore(new_cluster->conninfo(), folder.path(), "dump"), IsOk());

  // The schema is complete: nothing is pending.
  storage::Migrator restored(new_cluster->conninfo(), TestMigrations());
  auto status = restored.Up({}, {});
  ASSERT_THAT(status, IsOk());
  EXPECT_EQ(status->pending, 0);

  Instance instance(new_cluster->conninfo());
  // A retry from before the move is recognised.
  const auto again = instance.Append(repeated);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->front().events[0].global_position, checkpoint);
  const auto answer = instance.Append(Several({AppendOf(AggregateIn(0), VersionCheck::Exact(2), {Event(4)}),
                                               AppendOf(AggregateIn(1), VersionCheck::Exact(1), {Event(5)})}));
  ASSERT_THAT(answer, IsOk());
  // A subscriber goes on from its checkpoint, made in the old cluster.
  EXPECT_THAT(IdsAfter(checkpoint, new_cluster->conninfo()), ElementsAre(Id(2), Id(3), Id(4), Id(5)));
  EXPECT_EQ(ExpectVerified(new_cluster->conninfo()), 5);
}

}  // namespace
}  // namespace eventstore::testing
