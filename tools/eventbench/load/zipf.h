// Ranks by Zipf's law: rank k is drawn in proportion to 1 / (k + 1)^exponent.
#pragma once

#include <cstdint>

#include "tools/eventbench/load/random.h"

namespace eventstore::eventbench {

// In constant time and memory, whatever the number of ranks: rejection-inversion (Hörmann and Derflinger, 1996).
class Zipf {
 public:
  // `ranks` and `exponent` above zero.
  Zipf(std::uint64_t ranks, double exponent);

  // 0 is the most frequent.
  std::uint64_t Next(Random& random) const;

 private:
  double Integral(double x) const;
  double InverseIntegral(double x) const;
  double Weight(double x) const;

  std::uint64_t ranks_;
  double exponent_;
  double integral_first_;
  double integral_last_;
  double accept_;
};

}  // namespace eventstore::eventbench
