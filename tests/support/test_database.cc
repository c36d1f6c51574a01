#include "tests/support/test_database.h"

#include <stdexcept>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "server/storage/session.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_cluster.h"

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

}  // namespace eventstore::testing
