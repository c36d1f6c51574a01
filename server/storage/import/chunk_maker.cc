#include "server/storage/import/chunk_maker.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;

constexpr Query kToday{"chunk_maker_today", R"sql(
SELECT (extract(epoch FROM date_trunc('day', clock_timestamp())) * 1000000)::bigint
)sql"};

constexpr Query kLock{"chunk_maker_lock", "SELECT pg_advisory_xact_lock(1163285321, 1)"};  // "EVSI"
constexpr Query kInterval{"chunk_maker_interval", R"sql(
SELECT m.interval_length FROM _timescaledb_catalog.hypertable h
JOIN _timescaledb_catalog.dimension m ON m.hypertable_id = h.id
WHERE h.schema_name = 'public' AND h.table_name = 'events_v2'
)sql"};
constexpr Query kSet{"chunk_maker_set", R"sql(
SELECT set_chunk_time_interval('events_v2', $1::bigint * interval '1 microsecond')
)sql"};

// The chunk stays, the row was never there for anybody else. (create_chunk() would do; the Apache edition refuses it.)
constexpr Query kInsert{"chunk_maker_insert", R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                       global_position)
VALUES ('00000000-0000-0000-0000-000000000000', $1::timestamptz, '00000000-0000-0000-0000-000000000000', 'none', 'none',
        '{}', '{}', 1, 'none', 0)
)sql"};
constexpr Query kDelete{"chunk_maker_delete", R"sql(
DELETE FROM events_v2 WHERE id = '00000000-0000-0000-0000-000000000000' AND timestamp = $1::timestamptz
)sql"};

// In one transaction, so nobody else sees the other interval, and a kill leaves nothing behind.
absl::Status MakeChunk(Session& session, TimeMicros time, TimeMicros interval) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto done = session.Run(kLock, {});
  auto old = done.ok() ? session.Run(kInterval, {}) : done;
  if (!old.ok()) return old.status();
  const std::string before = (*old)[0][0].c_str();
  done = session.Run(kSet, {fmt::format("{}", interval)});
  if (done.ok()) done = session.Run(kInsert, {TimestampText(time)});
  if (done.ok()) done = session.Run(kDelete, {TimestampText(time)});
  if (done.ok()) done = session.Run(kSet, {before});
  return done.ok() ? transaction.Commit() : done.status();
}

TimeMicros FloorTo(TimeMicros time, TimeMicros interval) {
  const TimeMicros rest = time % interval;
  return time - (rest < 0 ? rest + interval : rest);
}

}  // namespace

absl::Status MakeChunks(Session& session, ChunkCatalog& catalog, std::span<const TimeMicros> times,
                        TimeMicros interval) {
  auto chunks = catalog.All(session);
  if (!chunks.ok()) return chunks.status();
  const auto missing = [&](TimeMicros time) { return Overlapping(**chunks, {time, time + 1}).empty(); };
  if (std::ranges::none_of(times, missing)) return absl::OkStatus();
  auto today = session.Run(kToday, {});
  if (!today.ok()) return today.status();
  const auto end = (*today)[0][0].as<TimeMicros>();
  for (const TimeMicros time : times) {
    if (time >= end || !missing(time)) continue;
    // It would reach into today: that is left to the insert, which makes one of the store's own length.
    if (FloorTo(time, interval) + interval > end) continue;
    if (absl::Status made = MakeChunk(session, time, interval); !made.ok()) return made;
    chunks = catalog.All(session);
    if (!chunks.ok()) return chunks.status();
  }
  return absl::OkStatus();
}

}  // namespace eventstore::storage
