// A histogram of high dynamic range, after HdrHistogram: buckets that grow with the value, so that every value from
// nanoseconds to hours is known with the same relative error, in memory that is fixed beforehand.
//
// Written here because Debian has the original for Java and Go only.
#pragma once

#include <cstdint>
#include <vector>

namespace eventstore::eventbench {

class Histogram {
 public:
  // Values of one bucket differ by less than 1 / 2^bits. 10 (0.1 %) for results, 5 (3 %) where many are kept.
  explicit Histogram(int bits = 10);

  // Below zero counts as zero, above an hour and a bit as kMaxValue.
  void Record(std::int64_t nanoseconds);
  // Both of the same number of bits.
  void Add(const Histogram& other);
  void Clear();

  std::int64_t count() const { return count_; }
  std::int64_t max() const { return max_; }
  std::int64_t min() const { return count_ == 0 ? 0 : min_; }
  double Mean() const;
  // The smallest value that so many of a hundred do not exceed, rounded up to the end of its bucket; 0 when empty.
  std::int64_t Percentile(double percent) const;

  static constexpr std::int64_t kMaxValue = (std::int64_t{1} << 42) - 1;

 private:
  std::size_t BucketOf(std::int64_t value) const;
  std::int64_t LargestOf(std::size_t bucket) const;

  int bits_;
  std::vector<std::uint32_t> buckets_;
  std::int64_t count_ = 0;
  std::int64_t min_ = kMaxValue;
  std::int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace eventstore::eventbench
