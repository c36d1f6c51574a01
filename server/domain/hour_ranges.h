// Hours that are to be counted, as ranges of time. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "server/domain/analytics.h"

namespace eventstore::domain {

// Hours that follow each other as one range, of at most `longest` hours. `hours`: where they begin, ascending.
std::vector<TimeRange> RangesOfHours(const std::vector<TimeMicros>& hours, int longest);

// At most `most` ranges that cover all of `ranges`, which are ascending: what lies between those nearest to each other is
// covered with them.
std::vector<TimeRange> Joined(std::vector<TimeRange> ranges, std::size_t most);

}  // namespace eventstore::domain
