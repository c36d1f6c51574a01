#include "tools/eventbench/measure/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace eventstore::eventbench {
namespace {

constexpr int kValueBits = 42;

}  // namespace

// The first 2^(bits+1) values have a bucket each; every doubling after that shares 2^bits buckets.
Histogram::Histogram(int bits)
    : bits_(bits), buckets_(static_cast<std::size_t>(kValueBits - bits + 1) << static_cast<unsigned>(bits)) {}

std::size_t Histogram::BucketOf(std::int64_t value) const {
  const auto word = static_cast<std::uint64_t>(value);
  const int shift = std::max(0, static_cast<int>(std::bit_width(word)) - bits_ - 1);
  return (static_cast<std::size_t>(shift) << bits_) + static_cast<std::size_t>(word >> shift);
}

std::int64_t Histogram::LargestOf(std::size_t bucket) const {
  const std::size_t doubling = bucket >> bits_;
  const std::size_t shift = doubling < 2 ? 0 : doubling - 1;
  const std::size_t mantissa = bucket - (shift << bits_);
  return static_cast<std::int64_t>(((mantissa + 1) << shift) - 1);
}

void Histogram::Record(std::int64_t nanoseconds) {
  const std::int64_t value = std::clamp<std::int64_t>(nanoseconds, 0, kMaxValue);
  ++buckets_[BucketOf(value)];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::Add(const Histogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

void Histogram::Clear() {
  std::ranges::fill(buckets_, 0);
  count_ = 0;
  min_ = kMaxValue;
  max_ = 0;
  sum_ = 0;
}

double Histogram::Mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::int64_t Histogram::Percentile(double percent) const {
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  const auto wanted = std::max<std::int64_t>(1, std::llround(std::ceil(share * static_cast<double>(count_) - 1e-9)));
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= wanted && buckets_[i] > 0) return std::min(LargestOf(i), max_);
  }
  return 0;
}

}  // namespace eventstore::eventbench
