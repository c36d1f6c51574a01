#include "server/storage/statement_cache.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

// A session that does what the cache says, and counts.
class FakeSession {
 public:
  explicit FakeSession(std::size_t most) : cache_(most) {}

  void Run(const std::string& sql) {
    const StatementCache::Step step = cache_.Use(sql);
    if (!step.give_up.empty()) {
      EXPECT_EQ(names_.erase(step.give_up), 1U) << step.give_up << " was never prepared";
      ++given_up;
    }
    if (step.name.empty()) {
      ++plain;
    } else if (step.prepare) {
      EXPECT_TRUE(names_.insert(step.name).second) << step.name << " exists";
      ++prepared;
    } else {
      EXPECT_TRUE(names_.contains(step.name)) << step.name << " was given up";
      ++hits;
    }
  }
  void RunAll(int from, int to) {
    for (int i = from; i < to; ++i) Run(fmt::format("SELECT {}", i));
  }
  std::size_t kept() const { return names_.size(); }
  StatementCache& cache() { return cache_; }

  int plain = 0;
  int prepared = 0;
  int hits = 0;
  int given_up = 0;

 private:
  StatementCache cache_;
  std::set<std::string> names_;
};

TEST(StatementCacheTest, TheSecondUsePreparesAndTheThirdHits) {
  FakeSession session(4);
  session.Run("SELECT 1");
  EXPECT_EQ(session.plain, 1);
  session.Run("SELECT 1");
  EXPECT_EQ(session.prepared, 1);
  session.Run("SELECT 1");
  session.Run("SELECT 1");
  EXPECT_EQ(session.hits, 2);
}

TEST(StatementCacheTest, AWalkThroughManyPreparesNothing) {
  FakeSession session(4);
  session.RunAll(0, 1'000);
  EXPECT_EQ(session.plain, 1'000);
  EXPECT_EQ(session.kept(), 0U);
}

TEST(StatementCacheTest, NoMoreAreKeptThanAllowed) {
  FakeSession session(4);
  for (int round = 0; round < 200; ++round) session.RunAll(round / 20, round / 20 + 6);
  EXPECT_EQ(session.kept(), 4U);
  EXPECT_EQ(session.prepared, 4 + session.given_up);
  EXPECT_GT(session.given_up, 0);
}

TEST(StatementCacheTest, WhatIsNotUsedAnyMoreMakesRoom) {
  FakeSession session(4);
  session.RunAll(0, 4);
  session.RunAll(0, 4);
  for (int i = 0; i < 50; ++i) session.RunAll(10, 14);
  session.hits = 0;
  session.RunAll(10, 14);
  EXPECT_EQ(session.hits, 4);
  EXPECT_EQ(session.given_up, 4);
}

TEST(StatementCacheTest, WalkingThroughTooManyAgainAndAgainKeepsSome) {
  FakeSession session(4);
  for (int i = 0; i < 100; ++i) session.RunAll(0, 20);
  EXPECT_EQ(session.given_up, 0);
  EXPECT_EQ(session.prepared, 4);
  EXPECT_EQ(session.hits, 98 * 4);
}

TEST(StatementCacheTest, WhatCouldNotBePreparedIsForgotten) {
  FakeSession session(4);
  session.Run("SELECT 1");
  session.Run("SELECT 1");
  session.cache().Remove("SELECT 1");
  session.Run("SELECT 1");
  EXPECT_EQ(session.plain, 2);
  session.cache().Remove("never seen");
}

TEST(StatementCacheTest, ALostSessionLosesAll) {
  FakeSession session(4);
  session.RunAll(0, 3);
  session.RunAll(0, 3);
  session.cache().Clear();
  session.plain = session.prepared = session.hits = 0;
  session.RunAll(0, 3);
  EXPECT_EQ(session.plain, 3);
  session.RunAll(0, 3);
  EXPECT_EQ(session.prepared, 3);
  EXPECT_EQ(session.hits, 0);
}

}  // namespace
}  // namespace eventstore::storage
