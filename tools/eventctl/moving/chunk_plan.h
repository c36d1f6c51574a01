// How long the chunks of an imported past should be.
#pragma once

#include <cstdint>

#include "server/domain/time.h"

namespace eventstore::eventctl {

// Of 1, 7, 30, 91 and 365 days the shortest that gives at most 200 chunks over the span, or at least 10,000 rows in each:
// reads that cannot use the directory open every chunk of their range, and a chunk that holds little costs as much.
domain::TimeMicros ProposeChunkInterval(std::int64_t rows, domain::TimeMicros first, domain::TimeMicros last);

// How many chunks a span has at most.
std::int64_t ChunksOf(domain::TimeMicros first, domain::TimeMicros last, domain::TimeMicros interval);

}  // namespace eventstore::eventctl
