// Buckets: how a consumer group deals out aggregates. An aggregate belongs to one bucket, a bucket to one consumer at a
// time.
#pragma once

#include <cstdint>

#include "server/domain/uuid.h"

namespace eventstore::domain {

// The same on every machine, for ever: places are stored by buckets. Not LaneOf(): the last steps spread what FNV leaves
// close together, so that sequential ids fill all buckets evenly.
constexpr int BucketOf(const Uuid& aggregate_id, int buckets) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const std::uint8_t byte : aggregate_id.bytes) hash = (hash ^ byte) * 1099511628211ULL;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdULL;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  hash ^= hash >> 33;
  return static_cast<int>(hash % static_cast<std::uint64_t>(buckets));
}

}  // namespace eventstore::domain
