// The process's clock and randomness, passed in so that tests own them. Event timestamps are not made here: they are
// the database's clock, one for all instances.
#pragma once

#include <chrono>
#include <cstdint>

#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

using MonotonicTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimeMicros Now() const = 0;
  virtual MonotonicTime Monotonic() const = 0;
};

class IdMaker {
 public:
  virtual ~IdMaker() = default;
  // Thread-safe.
  virtual Uuid Make() = 0;
};

}  // namespace eventstore::domain
