// A database of a test's own.
#pragma once

#include <string>

#include "server/domain/time.h"
#include "server/storage/pq_compat.h"

namespace eventstore::testing {

// Made by the constructor from the cluster's template, dropped by the destructor whoever is still connected. Needs a
// program with database_main.cc. Failures to make it throw, which fails the test.
class TestDatabase {
 public:
  enum class Content {
    kMigrated,  // the whole schema, no events
    kEmpty,     // nothing, not even the extension
  };
  explicit TestDatabase(Content content = Content::kMigrated);
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& name() const { return name_; }
  const std::string& conninfo() const { return conninfo_; }

  // Runs SQL behind the store's back, on a connection for this call alone; several statements make one transaction.
  // Errors throw.
  pqxx::result Execute(const std::string& sql) const;

  // For tests that insert into events_v2 by themselves: sees to it that these times have partitions, with an engine that
  // does not make them at the insert, and that readers look into them.
  void EnsurePartitions(const domain::TimeRange& range) const;
  // The same, in days from today, UTC; both included.
  void EnsureDays(int from, int to) const;
  // Drops what ends by then, as retention does.
  void DropPartitionsBefore(domain::TimeMicros time) const;

 private:
  std::string name_;
  std::string conninfo_;
};

}  // namespace eventstore::testing
