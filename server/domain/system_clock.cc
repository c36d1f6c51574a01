#include "server/domain/system_clock.h"

#include <array>
#include <functional>

namespace eventstore::domain {
namespace {

constexpr std::uint64_t kHighMax = (std::uint64_t{1} << 12) - 1;
constexpr std::uint64_t kLowMax = (std::uint64_t{1} << 62) - 1;

std::mt19937_64 SeededGenerator() {
  std::random_device device;
  std::array<std::uint32_t, 8> words{};
  for (std::uint32_t& word : words) word = device();
  std::seed_seq seed(words.begin(), words.end());
  return std::mt19937_64(seed);
}

}  // namespace

TimeMicros SystemClock::Now() const {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
}

MonotonicTime SystemClock::Monotonic() const { return std::chrono::steady_clock::now(); }

UuidV7Maker::UuidV7Maker(const Clock& clock) : clock_(clock), random_(SeededGenerator()) {}

UuidV7Maker::UuidV7Maker(const Clock& clock, std::uint64_t seed) : clock_(clock), random_(seed) {}

Uuid UuidV7Maker::Make() {
  const std::int64_t now_ms = clock_.Now() / 1000;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (now_ms > last_ms_) {
    StartMillisecond(now_ms);
  } else {
    Advance();
  }
  return Uuid::MakeV7(last_ms_, counter_high_, counter_low_);
}

void UuidV7Maker::StartMillisecond(std::int64_t ms) {
  last_ms_ = ms;
  // The top bit starts at 0, which leaves room for 2^41 ids of this millisecond before the counter is full.
  counter_high_ = random_() & (kHighMax >> 1);
  counter_low_ = random_() & kLowMax;
}

void UuidV7Maker::Advance() {
  // A random step, so that the next id is not the last one plus 1.
  const std::uint64_t step = 1 + (random_() & 0xffffffff);
  if (counter_low_ <= kLowMax - step) {
    counter_low_ += step;
    return;
  }
  counter_low_ = counter_low_ - (kLowMax - step) - 1;
  if (counter_high_ < kHighMax) {
    ++counter_high_;
  } else {
    StartMillisecond(last_ms_ + 1);
  }
}

}  // namespace eventstore::domain
