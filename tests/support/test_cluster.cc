#include "tests/support/test_cluster.h"

#include <stdlib.h>
#include <unistd.h>

#include <atomic>

#include "fmt/format.h"
#include "server/storage/conninfo.h"
#include "server/storage/migrator.h"
#include "server/storage/session.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_engine.h"

namespace eventstore::testing {
namespace {

// gtest owns environments and hands them to nobody, so tests find theirs here.
std::atomic<TestCluster*> current{nullptr};

}  // namespace

TestCluster* TestCluster::Current() { return current.load(); }

TestCluster::TestCluster() = default;
TestCluster::~TestCluster() = default;

void TestCluster::SetUp() {
  const char* url = getenv("EVENTSTORE_TEST_DATABASE_URL");
  if (url != nullptr && *url != '\0') {
    admin_conninfo_ = url;
  } else {
    ASSERT_NO_FATAL_FAILURE(StartPostgres());
  }
  ASSERT_NO_FATAL_FAILURE(MakeTemplate());
  current = this;
}

void TestCluster::TearDown() {
  current = nullptr;
  if (postgres_) {
    postgres_->Stop();
  } else if (!template_database_.empty()) {
    storage::Session admin(admin_conninfo_, "test");
    EXPECT_THAT(admin.RunScript(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", template_database_)), IsOk());
  }
}

void TestCluster::StartPostgres() {
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder_.path() + "/postgres";
  options.durable = false;
  options.max_locks_per_transaction = 64;
  options.shared_buffers_mb = 64;
  auto started = embedded::PrivatePostgres::Start(options);
  ASSERT_THAT(started, IsOk());
  postgres_ = std::move(*started);
  admin_conninfo_ = postgres_->conninfo();
}

void TestCluster::MakeTemplate() {
  template_database_ = fmt::format("eventstore_test_{}_template", getpid());
  storage::Session admin(admin_conninfo_, "test");
  ASSERT_THAT(admin.RunScript(fmt::format("CREATE DATABASE {} TEMPLATE template0", template_database_)), IsOk());
  ASSERT_THAT(storage::Migrator(Conninfo(template_database_), TestMigrations()).Up({}, {}), IsOk());
  if (OnNative()) {
    // Yesterday's: a store in which nothing has happened has nothing that is over.
    storage::Session session(Conninfo(template_database_), "test");
    const auto partitions = TestEngine().partitions("");
    auto listed = partitions->List(session);
    ASSERT_THAT(listed, IsOk());
    ASSERT_THAT(partitions->Drop(session, listed->front()), IsOk());
  }
  // A database that somebody is connected to, TimescaleDB's scheduler for one, cannot be copied.
  ASSERT_THAT(admin.RunScript(fmt::format("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", template_database_)),
              IsOk());
  ASSERT_THAT(admin.RunText("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1",
                            {template_database_}),
              IsOk());
}

std::string TestCluster::Conninfo(const std::string& database) const {
  // Completed, a URL has become keywords. Of two values for one keyword libpq takes the later; an empty name leaves the
  // choice to whoever connects.
  return storage::CompleteConninfo(admin_conninfo_, "").value() + " application_name='' dbname=" + database;
}

std::string TestCluster::NewDatabaseName() { return fmt::format("eventstore_test_{}_{}", getpid(), ++databases_); }

}  // namespace eventstore::testing
