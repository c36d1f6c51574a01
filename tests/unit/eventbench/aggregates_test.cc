#include "tools/eventbench/load/aggregates.h"

#include <gtest/gtest.h>

#include <set>

namespace eventstore::eventbench {
namespace {

constexpr std::uint64_t kSeed = 5;

Options With(Distribution distribution, std::int64_t aggregates, bool exact) {
  Options options;
  options.distribution = distribution;
  options.aggregates = aggregates;
  options.exact = exact;
  return options;
}

TEST(AggregatesTest, WorkersShareTheAggregatesOutAndHaveNoneInCommon) {
  std::set<Id> seen;
  for (int worker = 0; worker < 3; ++worker) {
    const Aggregates aggregates(With(Distribution::kUniform, 10, false), kSeed, worker, 3);
    for (std::uint64_t i = 0; i < aggregates.count(); ++i) EXPECT_TRUE(seen.insert(aggregates.IdOf(i)).second);
  }
  EXPECT_EQ(seen.size(), 10U);
}

TEST(AggregatesTest, TheHotOneIsTheSameForAll) {
  const Aggregates one(With(Distribution::kHot, 10, false), kSeed, 0, 2);
  const Aggregates other(With(Distribution::kHot, 10, false), kSeed, 1, 2);
  EXPECT_EQ(one.count(), 1U);
  EXPECT_EQ(one.IdOf(0), other.IdOf(0));
}

TEST(AggregatesTest, DistinctOnesNeverComeAgain) {
  Random random(1);
  std::set<Id> seen;
  for (int worker = 0; worker < 2; ++worker) {
    Aggregates aggregates(With(Distribution::kDistinct, 10, true), kSeed, worker, 2);
    for (int i = 0; i < 100; ++i) {
      const std::uint64_t index = aggregates.NextToAppend(random);
      EXPECT_EQ(aggregates.VersionOf(index), 0);
      EXPECT_TRUE(seen.insert(aggregates.IdOf(index)).second);
      aggregates.Finished(index, 1);
    }
    EXPECT_LT(aggregates.NextToRead(random), 100U);
  }
}

TEST(AggregatesTest, ExactTracksWhatWasAcknowledged) {
  Random random(1);
  Aggregates aggregates(With(Distribution::kUniform, 1, true), kSeed, 0, 1);
  const std::uint64_t index = aggregates.NextToAppend(random);
  EXPECT_EQ(aggregates.VersionOf(index), 0);
  aggregates.Finished(index, 3);
  EXPECT_EQ(aggregates.VersionOf(index), 3);
  aggregates.Finished(index, std::nullopt);  // failed, and the version is not told
  EXPECT_EQ(aggregates.VersionOf(index), 3);
  aggregates.Finished(index, 2);  // an answer that comes late
  EXPECT_EQ(aggregates.VersionOf(index), 3);
}

TEST(AggregatesTest, ExactPrefersTheFreeOnes) {
  Random random(1);
  Aggregates aggregates(With(Distribution::kUniform, 1'000, true), kSeed, 0, 1);
  std::set<std::uint64_t> busy;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(busy.insert(aggregates.NextToAppend(random)).second);
}

TEST(AggregatesTest, GivenOnesAreTaken) {
  Options options = With(Distribution::kUniform, 10, false);
  options.given_aggregates = {TextOf(DerivedId(9, 1)), TextOf(DerivedId(9, 2))};
  const Aggregates aggregates(options, kSeed, 0, 1);
  EXPECT_EQ(aggregates.count(), 2U);
  EXPECT_EQ(aggregates.IdOf(1), DerivedId(9, 2));
}

}  // namespace
}  // namespace eventstore::eventbench
