// One real PostgreSQL with TimescaleDB for all tests of a program, and a database to copy, migrated with the engine that
// the program is run for (test_engine.h).
#pragma once

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/embedded/private_postgres.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {

// A private PostgreSQL in a fresh folder, or the server in EVENTSTORE_TEST_DATABASE_URL (its role must be allowed to
// create databases). Private: fsync off, and max_locks_per_transaction as PostgreSQL ships it (64), so that a
// statement that opens too many chunks fails here before it fails for somebody else.
class TestCluster : public ::testing::Environment {
 public:
  TestCluster();
  ~TestCluster() override;

  void SetUp() override;
  void TearDown() override;

  // The one of this program; database_main.cc registers it. Null outside of RUN_ALL_TESTS().
  static TestCluster* Current();

  // For a database of the cluster.
  std::string Conninfo(const std::string& database) const;
  // Of a database that is always there, for CREATE DATABASE and the like.
  const std::string& admin_conninfo() const { return admin_conninfo_; }
  // Holds the schema and nothing else; nobody may connect to it.
  const std::string& template_database() const { return template_database_; }
  // Null when the server is not ours.
  embedded::PrivatePostgres* postgres() const { return postgres_.get(); }

  // A name no other test of the cluster uses.
  std::string NewDatabaseName();

 private:
  void StartPostgres();
  void MakeTemplate();

  TempDir folder_;
  std::unique_ptr<embedded::PrivatePostgres> postgres_;
  std::string admin_conninfo_;
  std::string template_database_;
  int databases_ = 0;
};

}  // namespace eventstore::testing
