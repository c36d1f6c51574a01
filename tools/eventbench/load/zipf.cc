#include "tools/eventbench/load/zipf.h"

#include <algorithm>
#include <cmath>

namespace eventstore::eventbench {
namespace {

// log(1 + x) / x and (exp(x) - 1) / x, also where x is next to 0: exponents next to 1 lead there.
double LogRatio(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x * (0.5 - x / 3); }
double ExpRatio(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x * 0.5 * (1 + x / 3); }

}  // namespace

Zipf::Zipf(std::uint64_t ranks, double exponent)
    : ranks_(ranks),
      exponent_(exponent),
      integral_first_(Integral(1.5) - 1),
      integral_last_(Integral(static_cast<double>(ranks) + 0.5)),
      accept_(2 - InverseIntegral(Integral(2.5) - Weight(2))) {}

std::uint64_t Zipf::Next(Random& random) const {
  for (;;) {
    const double u = integral_last_ + random.Fraction() * (integral_first_ - integral_last_);
    const double x = InverseIntegral(u);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(ranks_));
    if (k - x <= accept_ || u >= Integral(k + 0.5) - Weight(k)) return static_cast<std::uint64_t>(k) - 1;
  }
}

double Zipf::Integral(double x) const {
  const double log = std::log(x);
  return ExpRatio((1 - exponent_) * log) * log;
}

double Zipf::InverseIntegral(double x) const {
  // Rounding may lead below the smallest value for which the root exists.
  const double t = std::max(x * (1 - exponent_), -1.0);
  return std::exp(LogRatio(t) * x);
}

double Zipf::Weight(double x) const { return std::exp(-exponent_ * std::log(x)); }

}  // namespace eventstore::eventbench
