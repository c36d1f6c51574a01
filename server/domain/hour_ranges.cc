#include "server/domain/hour_ranges.h"

#include <iterator>

namespace eventstore::domain {

std::vector<TimeRange> RangesOfHours(const std::vector<TimeMicros>& hours, int longest) {
  std::vector<TimeRange> ranges;
  for (const TimeMicros hour : hours) {
    if (!ranges.empty() && ranges.back().to == hour && hour - ranges.back().from < longest * kMicrosPerHour) {
      ranges.back().to += kMicrosPerHour;
    } else {
      ranges.push_back({hour, hour + kMicrosPerHour});
    }
  }
  return ranges;
}

std::vector<TimeRange> Joined(std::vector<TimeRange> ranges, std::size_t most) {
  while (ranges.size() > most) {
    auto nearest = std::next(ranges.begin());
    for (auto range = nearest; range != ranges.end(); ++range) {
      if (range->from - std::prev(range)->to < nearest->from - std::prev(nearest)->to) nearest = range;
    }
    std::prev(nearest)->to = nearest->to;
    ranges.erase(nearest);
  }
  return ranges;
}

}  // namespace eventstore::domain
