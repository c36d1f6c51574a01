#include "tests/support/test_database.h"

#include <stdexcept>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "server/storage/session.h"
#include "server/storage/sql_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_cluster.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

TestCluster& Cluster() {
  TestCluster* cluster = TestCluster::Current();
  if (cluster == nullptr) throw std::logic_error("no TestCluster: give eventstore_test() the keyword DATABASE");
  return *cluster;
}

}  // namespace

TestDatabase::TestDatabase(Content content) : name_(Cluster().NewDatabaseName()), conninfo_(Cluster().Conninfo(name_)) {
  storage::Session admin(Cluster().admin_conninfo(), "test");
  const std::string source = content == Content::kEmpty ? "template0" : Cluster().template_database();
  const auto made = admin.RunScript(fmt::format("CREATE DATABASE {} TEMPLATE {}", name_, source));
  if (!made.ok()) throw std::runtime_error(made.status().ToString());
}

TestDatabase::~TestDatabase() {
  storage::Session admin(Cluster().admin_conninfo(), "test");
  EXPECT_THAT(admin.RunScript(fmt::format("DROP DATABASE {} WITH (FORCE)", name_)), IsOk());
}

pqxx::result TestDatabase::Execute(const std::string& sql) const {
  pqxx::connection connection(conninfo_);
  pqxx::work transaction(connection);
  pqxx::result result = transaction.exec("SET TimeZone = 'UTC'; " + sql);
  transaction.commit();
  return result;
}

void TestDatabase::EnsurePartitions(const domain::TimeRange& range) const {
  storage::Session session(conninfo_, "test");
  const auto made = TestEngine().partitions("")->Ensure(session, range);
  if (!made.ok()) throw std::runtime_error(made.status().ToString());
  if (!OnNative()) return;
  Execute("UPDATE events_v2_partitioning SET reach = greatest(reach, '" + storage::TimestampText(range.to) + "')");
}

void TestDatabase::EnsureDays(int from, int to) const {
  const auto today = Execute("SELECT floor(extract(epoch FROM now()) / 86400)::bigint")[0][0].as<std::int64_t>();
  EnsurePartitions({(today + from) * domain::kMicrosPerDay, (today + to + 1) * domain::kMicrosPerDay});
}

void TestDatabase::DropPartitionsBefore(domain::TimeMicros time) const {
  storage::Session session(conninfo_, "test");
  const auto partitions = TestEngine().partitions("");
  auto listed = partitions->List(session);
  if (!listed.ok()) throw std::runtime_error(listed.status().ToString());
  for (const storage::Partition& partition : *listed) {
    if (partition.range.to > time) continue;
    const absl::Status dropped = partitions->Drop(session, partition);
    if (!dropped.ok()) throw std::runtime_error(dropped.ToString());
  }
}

}  // namespace eventstore::testing
