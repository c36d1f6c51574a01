// The machine's clock, and ids made from a clock and random numbers.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

#include "server/domain/clock.h"

namespace eventstore::domain {

// Thread-safe.
class SystemClock : public Clock {
 public:
  TimeMicros Now() const override;
  MonotonicTime Monotonic() const override;
};

// UUIDs of version 7, each greater than the one before, also within a millisecond and when the clock steps back (the
// time inside then stands still until the clock has caught up). Ids of several makers never meet: they differ in up
// to 74 random bits. Unique, not secret: who sees some ids can guess the next.
class UuidV7Maker : public IdMaker {
 public:
  // `clock` must outlive the maker. Seeds itself from std::random_device.
  explicit UuidV7Maker(const Clock& clock);
  // For tests: the same seed and clock make the same ids.
  UuidV7Maker(const Clock& clock, std::uint64_t seed);

  Uuid Make() override;

 private:
  void StartMillisecond(std::int64_t ms);
  void Advance();

  const Clock& clock_;
  std::mutex mutex_;
  std::mt19937_64 random_;  // guarded by mutex_, as all below
  std::int64_t last_ms_ = 0;
  std::uint64_t counter_high_ = 0;  // 12 bits
  std::uint64_t counter_low_ = 0;   // 62 bits
};

}  // namespace eventstore::domain
