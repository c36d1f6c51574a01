#include "server/housekeeping/partition_summary.h"

#include <algorithm>

#include "fmt/format.h"

namespace eventstore::housekeeping {

PartitionSummary Summarise(const std::vector<storage::Partition>& partitions, bool made_ahead, domain::TimeMicros now) {
  PartitionSummary summary;
  summary.made_ahead = made_ahead;
  summary.count = static_cast<std::int64_t>(partitions.size());
  domain::TimeMicros ahead = now;
  for (const auto& partition : partitions) {
    summary.bytes += partition.bytes;
    summary.rows += partition.rows;
    summary.rows_exact = summary.rows_exact && partition.rows_exact;
    summary.compressed += partition.compressed ? 1 : 0;
    summary.today_exists = summary.today_exists || partition.range.Contains(now);
    if (partition.range.Contains(ahead)) ahead = partition.range.to;
  }
  if (!partitions.empty()) {
    summary.oldest = partitions.front().range.from;
    summary.newest = partitions.back().range.to;
  }
  constexpr domain::TimeMicros kFar = 36'500 * domain::kMicrosPerDay;
  summary.days_ahead = static_cast<int>(std::min(ahead - now, kFar) / domain::kMicrosPerDay);
  if (!made_ahead) return summary;
  if (!summary.today_exists) {
    summary.light = Light::kRed;
    summary.remarks.emplace_back("there is no partition for today; run `eventctl partitions fix`");
  } else if (summary.days_ahead < kFewDaysAhead) {
    summary.light = Light::kYellow;
    summary.remarks.push_back(fmt::format(
        "partitions are there for {} days ahead, fewer than {}; see why partition-maintenance does not make "
        "them with `eventctl housekeeper runs --task partition-maintenance`",
        summary.days_ahead, kFewDaysAhead));
  }
  return summary;
}

void AddUpkeep(PartitionSummary& summary, int failures, bool overdue) {
  if (failures == 0 && !overdue) return;
  summary.light = std::max(summary.light, Light::kYellow);
  summary.remarks.push_back(fmt::format(
      "partition-maintenance {}; see `eventctl housekeeper runs --task partition-maintenance`",
      failures > 0 ? fmt::format("failed, {} times in a row", failures) : "has not succeeded when it should have"));
}

}  // namespace eventstore::housekeeping
