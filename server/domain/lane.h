// Lanes: a fixed number of locks over all aggregates. Whoever appends holds the lanes of its aggregates for the length
// of its transaction, so within a lane appends, transaction ids and commits have one order.
#pragma once

#include <cstdint>

#include "server/domain/uuid.h"

namespace eventstore::domain {

// The same on every instance and machine, for ever: a change of this function or of `lanes` needs all servers stopped.
// FNV-1a over the 16 bytes; the ids may be sequential (v7) or hostile, and a skew costs only speed.
constexpr int LaneOf(const Uuid& aggregate_id, int lanes) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::uint8_t byte : aggregate_id.bytes) hash = (hash ^ byte) * 1099511628211ULL;
  return static_cast<int>((hash ^ (hash >> 32)) % static_cast<std::uint64_t>(lanes));
}

}  // namespace eventstore::domain
