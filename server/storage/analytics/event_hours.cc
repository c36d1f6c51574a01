#include "server/storage/analytics/event_hours.h"

#include <set>

#include "fmt/format.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;

// {0}: the chunk. $1: after this position; $2: or from this time on. Starts of hours.
constexpr char kChanged[] = R"sql(
SELECT (extract(epoch FROM date_trunc('hour', timestamp, 'UTC')) * 1000000)::bigint AS hour
FROM {0} WHERE global_position > $1::bigint OR timestamp >= $2::timestamptz
GROUP BY 1 ORDER BY 1
)sql";

}  // namespace

bool NothingAfter(const Chunk& chunk, domain::Position after) {
  return chunk.closed && (chunk.closed->events == 0 || chunk.closed->greatest <= after);
}

absl::StatusOr<std::vector<TimeMicros>> ChangedEventHours(Session& session, const Chunk& chunk, domain::Position after,
                                                          TimeMicros from) {
  auto rows = session.RunText(fmt::format(fmt::runtime(kChanged), chunk.table),
                              {fmt::format("{}", after), TimestampText(from)});
  if (!rows.ok() && SqlStateOf(rows.status()) == "42P01") return std::vector<TimeMicros>();
  if (!rows.ok()) return rows.status();
  std::vector<TimeMicros> hours;
  for (const auto& row : *rows) hours.push_back(row[0].as<std::int64_t>());
  return hours;
}

absl::StatusOr<std::vector<TimeMicros>> EventHoursAfter(Session& session, ChunkCatalog& catalog, domain::Position after,
                                                        const domain::TimeRange& range) {
  auto chunks = catalog.Within(session, range);
  if (!chunks.ok()) return chunks.status();
  std::set<TimeMicros> hours;
  for (const Chunk& chunk : *chunks) {
    if (NothingAfter(chunk, after)) continue;
    auto changed = ChangedEventHours(session, chunk, after, domain::TimeRange{}.to);
    if (!changed.ok()) return changed.status();
    for (const TimeMicros hour : *changed) {
      if (range.Contains(hour)) hours.insert(hour);
    }
  }
  return std::vector<TimeMicros>(hours.begin(), hours.end());
}

}  // namespace eventstore::storage
