// So many a second on average, and at most one second's worth at once. What costs more than is left passes all the same,
// as long as anything is left, and is waited for afterwards: a batch larger than the bucket could never pass otherwise.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "server/domain/clock.h"

namespace eventstore::domain {

// Not thread-safe.
class TokenBucket {
 public:
  // Full at first. `per_second` is above 0.
  TokenBucket(double per_second, MonotonicTime now) : per_second_(per_second), left_(most()), filled_(now) {}

  // Nothing: it may pass, and `cost` is taken. Else how long it takes until something may.
  std::optional<std::chrono::milliseconds> Take(double cost, MonotonicTime now) {
    const double earned = std::chrono::duration<double>(now - filled_).count() * per_second_;
    left_ = std::min(left_ + std::max(earned, 0.0), most());
    filled_ = std::max(filled_, now);
    if (left_ >= 1) {
      left_ -= cost;
      return std::nullopt;
    }
    const double seconds = (1 - left_) / per_second_;
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1e3)));
  }

 private:
  double most() const { return std::max(per_second_, 1.0); }

  double per_second_;
  double left_;
  MonotonicTime filled_;
};

}  // namespace eventstore::domain
