#include "tools/eventbench/load/schedule.h"

#include <algorithm>
#include <cmath>

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::microseconds kShortestPause{200};

}  // namespace

Schedule::Schedule(Instant begin, double rate)
    : begin_(begin),
      rate_(rate),
      shared_(std::chrono::duration<double>(1 / rate) < kShortestPause ? Clock::duration(kShortestPause)
                                                                       : Clock::duration(1)) {}

Instant Schedule::Intended(std::int64_t operation) const {
  const auto evenly = Clock::duration(std::llround(static_cast<double>(operation) * 1e9 / rate_));
  return begin_ + (evenly + shared_ - Clock::duration(1)) / shared_ * shared_;
}

std::int64_t Schedule::DueBy(Instant now) const {
  if (now < begin_) return 0;
  const Clock::duration last_moment = (now - begin_) / shared_ * shared_;
  const auto guess = static_cast<std::int64_t>(static_cast<double>(last_moment.count()) * rate_ / 1e9) + 1;
  // Rounding may be one off in either direction.
  std::int64_t due = std::max<std::int64_t>(0, guess - 1);
  while (Intended(due) <= now) ++due;
  return due;
}

}  // namespace eventstore::eventbench
