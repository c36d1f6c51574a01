#include "tools/eventctl/moving/chunk_plan.h"

#include <initializer_list>

namespace eventstore::eventctl {

domain::TimeMicros ProposeChunkInterval(std::int64_t rows, domain::TimeMicros first, domain::TimeMicros last) {
  constexpr std::int64_t kMostChunks = 200;
  constexpr std::int64_t kManyRows = 10'000;
  domain::TimeMicros interval = domain::kMicrosPerDay;
  for (const int days : {1, 7, 30, 91, 365}) {
    interval = days * domain::kMicrosPerDay;
    const std::int64_t chunks = ChunksOf(first, last, interval);
    if (chunks <= kMostChunks || rows / chunks >= kManyRows) break;
  }
  return interval;
}

std::int64_t ChunksOf(domain::TimeMicros first, domain::TimeMicros last, domain::TimeMicros interval) {
  return (last - first) / interval + 1;
}

}  // namespace eventstore::eventctl
