// How much time a call has left, as PostgreSQL should be told.
#pragma once

#include <algorithm>
#include <chrono>

#include "server/domain/clock.h"

namespace eventstore::storage {

// Rounded up to a step of 1/8 of its size, so that calls with nearly the same deadline share a session setting; at
// least 1 ms. Zero or less is left to the caller: it has passed.
inline std::chrono::milliseconds TimeLeft(domain::MonotonicTime now, domain::MonotonicTime deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
  if (left.count() <= 8) return std::max(left, std::chrono::milliseconds{0});
  std::int64_t step = 1;
  while (step * 16 <= left.count()) step *= 2;
  return std::chrono::milliseconds{(left.count() + step - 1) / step * step};
}

}  // namespace eventstore::storage
