#include "tools/eventbench/measure/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tools/eventbench/load/random.h"

namespace eventstore::eventbench {
namespace {

TEST(HistogramTest, AnEmptyOneHasNothingToSay) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Percentile(50), 0);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.Mean(), 0);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int value = 1; value <= 1'000; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Percentile(0), 1);
  EXPECT_EQ(histogram.Percentile(50), 500);
  EXPECT_EQ(histogram.Percentile(99), 990);
  EXPECT_EQ(histogram.Percentile(99.9), 999);
  EXPECT_EQ(histogram.Percentile(100), 1'000);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 500.5);
}

// Against sorted values, over eight orders of magnitude: never below the truth, and at most one bucket above it.
TEST(HistogramTest, PercentilesAreWithinTheirPrecision) {
  for (const int bits : {5, 10}) {
    Histogram histogram(bits);
    Random random(7);
    std::vector<std::int64_t> values;
    for (int i = 0; i < 20'000; ++i) {
      values.push_back(static_cast<std::int64_t>(random.Next() >> (22 + random.Below(28))));
      histogram.Record(values.back());
    }
    std::ranges::sort(values);
    for (const double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
      const auto place = static_cast<std::size_t>(percent / 100 * static_cast<double>(values.size())) - 1;
      const auto truth = static_cast<double>(values[place]);
      const auto found = static_cast<double>(histogram.Percentile(percent));
      EXPECT_GE(found, truth) << percent;
      EXPECT_LE(found, truth * (1 + 1.0 / (1 << bits)) + 1) << percent;
    }
  }
}

TEST(HistogramTest, WhatIsOutOfRangeCountsAtTheEdge) {
  Histogram histogram;
  histogram.Record(-5);
  histogram.Record(Histogram::kMaxValue + 1);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), Histogram::kMaxValue);
  EXPECT_EQ(histogram.Percentile(100), Histogram::kMaxValue);
}

TEST(HistogramTest, TwoAddUpAsIfItHadBeenOne) {
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 1'000; ++i) {
    (i % 3 == 0 ? one : other).Record(i * i);
    both.Record(i * i);
  }
  one.Add(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.max(), both.max());
  for (const double percent : {1.0, 50.0, 99.0}) EXPECT_EQ(one.Percentile(percent), both.Percentile(percent));
}

}  // namespace
}  // namespace eventstore::eventbench
