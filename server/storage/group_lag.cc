#include "server/storage/group_lag.h"

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "fmt/format.h"
#include "server/domain/bucket.h"
#include "server/domain/limits.h"
#include "server/storage/cursor.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/subscription_start.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::Position;

// The buckets of a group are not equally far, so more is looked at than counts.
constexpr std::int64_t kMaxRows = 5 * domain::kMaxLagCounted;

constexpr Query kParked{"lag_parked", R"sql(
SELECT global_position FROM consumer_group_parked WHERE group_name = $1 AND global_position > $2::bigint
ORDER BY global_position LIMIT $3::integer
)sql"};

constexpr Query kClock{"lag_clock", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"};

absl::Status Count(Session& session, ChunkCatalog& chunks, domain::Group& group) {
  group.lag_events = 0;
  group.lag_is_at_least = false;
  group.lag_time = 0;
  if (group.places.empty()) return absl::OkStatus();
  const Position least = *std::ranges::min_element(group.places);
  auto settled = ReadSettled(session, chunks);
  if (!settled.ok()) return settled.status();
  std::unordered_set<Position> parked;
  auto rows = session.Run(kParked, {group.name, fmt::format("{}", least), fmt::format("{}", kMaxRows)});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) parked.insert(row[0].as<Position>());
  auto list = chunks.All(session);
  if (!list.ok()) return list.status();
  std::int64_t rows_left = kMaxRows;
  domain::TimeMicros oldest = std::numeric_limits<domain::TimeMicros>::max();
  for (const Chunk& chunk : **list) {
    if (chunk.closed && (chunk.closed->events == 0 || chunk.closed->greatest <= least)) continue;
    Where where(1);
    where.AndFilter(group.settings.filter);
    where.And("global_position > {}::bigint", fmt::format("{}", least));
    where.And("global_position < {}::bigint", fmt::format("{}", settled->horizon));
    pq::Args args = {fmt::format("{}", rows_left)};
    args.insert(args.end(), where.args().begin(), where.args().end());
    auto events = session.RunText(
        "SELECT aggregate_id, global_position, (extract(epoch FROM timestamp) * 1000000)::bigint "
        "FROM " +
            chunk.table + " WHERE " + where.text() + " ORDER BY global_position LIMIT $1::integer",
        args);
    if (!events.ok()) return events.status();
    for (const auto& row : *events) {
      --rows_left;
      const auto position = row[1].as<Position>();
      const auto bucket = static_cast<std::size_t>(domain::BucketOf(UuidOf(row[0]), group.buckets));
      if (bucket >= group.places.size() || position <= group.places[bucket] || parked.contains(position)) continue;
      if (++group.lag_events > domain::kMaxLagCounted) break;
      oldest = std::min(oldest, row[2].as<std::int64_t>());
    }
    if (group.lag_events > domain::kMaxLagCounted || rows_left <= 0) {
      group.lag_is_at_least = true;
      group.lag_events = std::min(group.lag_events, domain::kMaxLagCounted);
      break;
    }
  }
  if (group.lag_events == 0) return absl::OkStatus();
  auto now = session.Run(kClock, {});
  if (!now.ok()) return now.status();
  group.lag_time = std::max<domain::TimeMicros>((*now)[0][0].as<std::int64_t>() - oldest, 0);
  return absl::OkStatus();
}

}  // namespace

absl::Status CountLag(Session& session, ChunkCatalog& chunks, domain::Group& group) {
  return ReadWithRetries(chunks,
                         [&]() -> absl::StatusOr<bool> {
                           absl::Status counted = Count(session, chunks, group);
                           if (!counted.ok()) return counted;
                           return true;
                         })
      .status();
}

}  // namespace eventstore::storage
