#include "tools/eventbench/load/zipf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace eventstore::eventbench {
namespace {

// The share of each rank is what the law says, also where the exponent is 1, which its formulas divide by.
TEST(ZipfTest, RanksComeAsOftenAsTheLawSays) {
  constexpr int kDraws = 400'000;
  constexpr std::uint64_t kRanks = 50;
  for (const double exponent : {0.5, 0.99, 1.0, 1.5}) {
    const Zipf zipf(kRanks, exponent);
    Random random(11);
    std::vector<int> counts(kRanks);
    for (int i = 0; i < kDraws; ++i) ++counts.at(zipf.Next(random));
    double all = 0;
    for (std::uint64_t k = 1; k <= kRanks; ++k) all += std::pow(static_cast<double>(k), -exponent);
    for (std::uint64_t k = 1; k <= kRanks; ++k) {
      const double expected = kDraws * std::pow(static_cast<double>(k), -exponent) / all;
      EXPECT_NEAR(counts[k - 1], expected, 6 * std::sqrt(expected)) << "rank " << k << ", exponent " << exponent;
    }
  }
}

TEST(ZipfTest, OneRankIsAlwaysTheFirst) {
  const Zipf zipf(1, 0.99);
  Random random(1);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(zipf.Next(random), 0U);
}

TEST(ZipfTest, ManyRanksCostNoMemory) {
  const Zipf zipf(std::uint64_t{1} << 40, 0.99);
  Random random(1);
  for (int i = 0; i < 1'000; ++i) EXPECT_LT(zipf.Next(random), std::uint64_t{1} << 40);
}

}  // namespace
}  // namespace eventstore::eventbench
