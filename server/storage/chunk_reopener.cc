#include "server/storage/chunk_reopener.h"

#include <algorithm>
#include <string>

#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kClosedWithin{"reopen_closed_within", R"sql(
SELECT range_start, (extract(epoch FROM range_start) * 1000000)::bigint,
       (extract(epoch FROM range_end) * 1000000)::bigint
FROM closed_chunks WHERE range_start <= $2::timestamptz AND range_end > $1::timestamptz
)sql"};

constexpr Query kReopen{"reopen", R"sql(
WITH reopened AS (
    DELETE FROM closed_chunks WHERE range_start = ANY ($1::timestamptz[]) RETURNING 1
), changed AS (
    UPDATE store_identity SET closed_changes = closed_changes + 1, reopened_change = closed_changes + 1
    WHERE EXISTS (SELECT FROM reopened)
)
SELECT count(*) FROM reopened
)sql"};

}  // namespace

absl::StatusOr<int> ReopenChunks(Session& session, std::span<const domain::TimeMicros> times) {
  if (times.empty()) return 0;
  const auto [first, last] = std::ranges::minmax(times);
  auto closed = session.Run(kClosedWithin, {TimestampText(first), TimestampText(last)});
  if (!closed.ok()) return closed.status();
  ArrayText starts;
  int found = 0;
  for (const auto& row : *closed) {
    const domain::TimeRange range{row[1].as<std::int64_t>(), row[2].as<std::int64_t>()};
    if (!std::ranges::any_of(times, [&](domain::TimeMicros time) { return range.Contains(time); })) continue;
    starts.Add(row[0].c_str());
    ++found;
  }
  if (found == 0) return 0;
  auto reopened = session.Run(kReopen, {starts.Take()});
  if (!reopened.ok()) return reopened.status();
  return (*reopened)[0][0].as<int>();
}

}  // namespace eventstore::storage
