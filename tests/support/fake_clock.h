// A clock that stands still until it is told to move, and ids that count up.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "server/domain/clock.h"

namespace eventstore::testing {

// Thread-safe. Wall clock and monotonic clock move together.
class FakeClock : public domain::Clock {
 public:
  // 2026-01-01T00:00:00Z unless told otherwise.
  explicit FakeClock(domain::TimeMicros now = 1'767'225'600 * domain::kMicrosPerSecond) : start_(now) {}

  domain::TimeMicros Now() const override { return start_ + passed_.load(); }
  domain::MonotonicTime Monotonic() const override {
    return domain::MonotonicTime(std::chrono::microseconds(passed_.load()));
  }

  void Advance(std::chrono::microseconds by) { passed_ += by.count(); }

 private:
  const domain::TimeMicros start_;
  std::atomic<std::int64_t> passed_{0};
};

// 00000000-0000-7000-8000-000000000001, …2 and so on: valid, sorted, easy to read in a failure.
class CountingIds : public domain::IdMaker {
 public:
  domain::Uuid Make() override {
    domain::Uuid id;
    id.bytes[6] = 0x70;
    id.bytes[8] = 0x80;
    std::uint64_t rest = ++count_;
    for (std::size_t i = 15; i > 8 && rest > 0; --i, rest >>= 8) id.bytes[i] = static_cast<std::uint8_t>(rest);
    return id;
  }

 private:
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace eventstore::testing
