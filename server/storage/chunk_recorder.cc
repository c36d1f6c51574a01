#include "server/storage/chunk_recorder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

// $1, $2: the start and the end of the chunk's range. {0}: its table. An aggregate whose head says that it began in
// this chunk needs no row, unless the chunk has given up some of its aggregates to retention: then a row says that this
// one is still there.
constexpr char kRecord[] = R"sql(
WITH aggregates AS (
    INSERT INTO chunk_aggregates (aggregate_id, range_start, first_version, events)
    SELECT e.aggregate_id, $1::timestamptz, e.first_version, e.events
    FROM (SELECT aggregate_id, min(version) AS first_version, count(*) AS events FROM {0} GROUP BY aggregate_id) e
    LEFT JOIN aggregate_heads h ON h.aggregate_id = e.aggregate_id
    WHERE (h.first_timestamp >= $1::timestamptz AND h.first_timestamp < $2::timestamptz) IS NOT TRUE
       OR EXISTS (SELECT FROM archived_chunks g WHERE g.gone AND g.range_start < $2::timestamptz
                                                  AND g.range_end > $1::timestamptz)
), correlations AS (
    INSERT INTO chunk_correlations (correlation_id, range_start, events)
    SELECT correlation_id, $1::timestamptz, count(*) FROM {0} WHERE correlation_id IS NOT NULL GROUP BY correlation_id
), users AS (
    INSERT INTO chunk_users (user_id, range_start, events)
    SELECT user_id, $1::timestamptz, count(*) FROM {0} WHERE user_id IS NOT NULL GROUP BY user_id
), types AS (
    INSERT INTO chunk_event_types (event_type, range_start, events)
    SELECT event_type, $1::timestamptz, count(*) FROM {0} GROUP BY event_type
), changed AS (
    UPDATE store_identity SET closed_changes = closed_changes + 1 RETURNING closed_changes
)
INSERT INTO closed_chunks (range_start, range_end, chunk, events, min_position, max_position, change)
SELECT $1::timestamptz, $2::timestamptz, $3, count(*), min(global_position), max(global_position),
       (SELECT closed_changes FROM changed)
FROM {0}
)sql";

constexpr const char* kDirectory[] = {"chunk_aggregates", "chunk_correlations", "chunk_users", "chunk_event_types"};

constexpr Query kRecorded{"recorded_chunks", R"sql(
SELECT range_start, chunk FROM closed_chunks ORDER BY range_start
)sql"};

absl::Status Forget(Session& session, const std::string& range_start) {
  auto row = session.RunText("DELETE FROM closed_chunks WHERE range_start = $1::timestamptz", {range_start});
  if (!row.ok()) return row.status();
  // Also without a row there: of a chunk that was opened again the directory has what it held before.
  for (const char* table : kDirectory) {
    auto deleted =
        session.RunText(fmt::format("DELETE FROM {} WHERE range_start = $1::timestamptz", table), {range_start});
    if (!deleted.ok()) return deleted.status();
  }
  return absl::OkStatus();
}

template <typename F>
absl::Status InTransaction(Session& session, const F& work) {
  if (auto begun = session.RunScript("BEGIN ISOLATION LEVEL READ COMMITTED"); !begun.ok()) return begun.status();
  if (absl::Status done = work(); !done.ok()) {
    if (session.connected() && !session.RunScript("ROLLBACK").ok()) session.Disconnect();
    return done;
  }
  return session.RunScript("COMMIT").status();
}

}  // namespace

absl::Status RecordChunkWithin(Session& session, const Chunk& chunk) {
  const std::string from = TimestampText(chunk.range.from);
  if (absl::Status forgotten = Forget(session, from); !forgotten.ok()) return forgotten;
  return session.RunText(fmt::format(kRecord, chunk.table), {from, TimestampText(chunk.range.to), chunk.table})
      .status();
}

absl::Status RecordChunk(Session& session, const Chunk& chunk) {
  return InTransaction(session, [&] { return RecordChunkWithin(session, chunk); });
}

absl::Status ForgetChunkWithin(Session& session, domain::TimeMicros range_start) {
  return Forget(session, TimestampText(range_start));
}

absl::Status ForgetDroppedChunks(Session& session, const ChunkList& chunks) {
  auto recorded = session.Run(kRecorded, {});
  if (!recorded.ok()) return recorded.status();
  std::vector<std::string> tables;
  tables.reserve(chunks.size());
  for (const Chunk& chunk : chunks) tables.push_back(chunk.table);
  std::ranges::sort(tables);
  for (const auto& row : *recorded) {
    if (std::ranges::binary_search(tables, std::string(row[1].c_str()))) continue;
    const std::string range_start = row[0].c_str();
    absl::Status forgotten = InTransaction(session, [&] { return Forget(session, range_start); });
    if (!forgotten.ok()) return forgotten;
  }
  return absl::OkStatus();
}

}  // namespace eventstore::storage
