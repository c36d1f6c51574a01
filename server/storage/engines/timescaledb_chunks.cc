#include "server/storage/engines/timescaledb_chunks.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

// The sequence is read after the snapshot was taken. Dropping chunks removes their slices of time.
constexpr Query kStamp{"chunk_stamp", R"sql(
SELECT s.last_value, s.is_called, pg_snapshot_xmin(pg_current_snapshot())::text, i.closed_changes,
       i.reopened_change,
       (SELECT d.range_start FROM _timescaledb_catalog.dimension_slice d WHERE d.dimension_id = m.id
        ORDER BY d.range_start LIMIT 1)
FROM _timescaledb_catalog.chunk_id_seq s
CROSS JOIN store_identity i
CROSS JOIN _timescaledb_catalog.hypertable h
JOIN _timescaledb_catalog.dimension m ON m.hypertable_id = h.id
WHERE h.schema_name = 'public' AND h.table_name = 'events_v2'
)sql"};

// Above every transaction that has begun to write. A snapshot's xmax is not: it is one more than the last transaction
// that has ended, and those that run above it are in no snapshot.
constexpr Query kNextXid{"chunk_next_xid", "SELECT pg_current_xact_id()::text"};

// From the catalogue's own tables: the view timescaledb_information.chunks takes twice as long and cannot begin at an
// id. $1: ids above this.
constexpr Query kChunks{"chunk_list", R"sql(
SELECT q.name, q.start_us, q.end_us, c.change, c.events, coalesce(c.min_position, 0), coalesce(c.max_position, 0)
FROM (
    SELECT format('%I.%I', k.schema_name, k.table_name) AS name,
           d.range_start AS start_us, d.range_end AS end_us,  -- microseconds since 1970
           _timescaledb_functions.to_timestamp(d.range_start) AS range_start,
           _timescaledb_functions.to_timestamp(d.range_end) AS range_end
    FROM _timescaledb_catalog.hypertable h
    JOIN _timescaledb_catalog.dimension m ON m.hypertable_id = h.id
    JOIN _timescaledb_catalog.dimension_slice d ON d.dimension_id = m.id
    JOIN _timescaledb_catalog.chunk_constraint n ON n.dimension_slice_id = d.id
    JOIN _timescaledb_catalog.chunk k ON k.id = n.chunk_id
    WHERE h.schema_name = 'public' AND h.table_name = 'events_v2' AND NOT k.dropped AND k.id > $1::integer
) q
LEFT JOIN closed_chunks c ON c.range_start = q.range_start AND c.range_end = q.range_end AND c.chunk = q.name
ORDER BY q.start_us
)sql"};

auto StartOf(const Chunk& chunk) { return chunk.range.from; }

}  // namespace

absl::StatusOr<TimescaledbChunks::Stamp> TimescaledbChunks::ReadStamp(Session& session) {
  auto rows = session.Run(kStamp, {});
  if (!rows.ok()) return rows.status();
  const auto row = (*rows)[0];
  Stamp stamp;
  stamp.last_id = row[1].as<bool>() ? row[0].as<std::int64_t>() : 0;
  stamp.sequence = fmt::format("{} {}", row[0].c_str(), row[1].c_str());
  stamp.xmin = row[2].as<std::int64_t>();
  stamp.changes = row[3].as<std::int64_t>();
  stamp.reopened = row[4].as<std::int64_t>();
  stamp.oldest = row[5].c_str();
  return stamp;
}

absl::StatusOr<std::shared_ptr<const ChunkList>> TimescaledbChunks::All(Session& session) {
  auto stamp = ReadStamp(session);
  if (!stamp.ok()) return stamp.status();
  Known known;
  std::optional<std::int64_t> after_id;  // none: no chunk can have come
  bool moved = false;
  std::uint64_t forgotten = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (oldest_ != stamp->oldest || known_.changes < stamp->reopened) known_ = {};
    moved = sequence_ != stamp->sequence;
    known = known_;
    forgotten = forgotten_;
    if (!known.chunks) {
      after_id = 0;
    } else if (moved || !settled_) {
      after_id = settled_id_;
    } else if (known.changes >= stamp->changes) {
      return known.chunks;
    }
  }
  if (moved) {
    auto next = session.Run(kNextXid, {});
    if (!next.ok()) return next.status();
    const std::scoped_lock lock(mutex_);
    sequence_ = stamp->sequence;
    settled_at_ = (*next)[0][0].as<std::int64_t>();
    settled_ = false;
  }
  auto loaded = Load(session, known, after_id, stamp->changes);
  if (!loaded.ok()) return loaded.status();
  const std::scoped_lock lock(mutex_);
  if (forgotten_ == forgotten && sequence_ == stamp->sequence &&
      (!known_.chunks || loaded->changes >= known_.changes)) {
    known_ = *loaded;
    oldest_ = stamp->oldest;
    // Everyone who could have drawn this id or an earlier one had ended before the list was read.
    settled_ = stamp->xmin >= settled_at_;
    if (settled_) settled_id_ = stamp->last_id;
  }
  return loaded->chunks;
}

absl::StatusOr<TimescaledbChunks::Known> TimescaledbChunks::Load(Session& session, const Known& known,
                                                                 std::optional<std::int64_t> after_id,
                                                                 std::int64_t changes) {
  auto list = known.chunks ? std::make_shared<ChunkList>(*known.chunks) : std::make_shared<ChunkList>();
  const auto place = [&](domain::TimeMicros start) { return std::ranges::lower_bound(*list, start, {}, StartOf); };
  if (after_id) {
    auto rows = session.Run(kChunks, {fmt::format("{}", *after_id)});
    if (!rows.ok()) return rows.status();
    for (const auto& row : *rows) {
      Chunk chunk{row[0].c_str(), {row[1].as<std::int64_t>(), row[2].as<std::int64_t>()}};
      if (!row[3].is_null()) chunk.closed = ClosedFrom(row, 3);
      const auto at = place(chunk.range.from);
      if (at != list->end() && at->range.from == chunk.range.from) {
        *at = std::move(chunk);
      } else {
        list->insert(at, std::move(chunk));
      }
    }
  }
  if (known.chunks && known.changes < changes) {
    if (absl::Status noted = NoteClosedSince(session, known.changes, *list); !noted.ok()) return noted;
  }
  // Read after the stamp, so it has at least what the stamp counted.
  return Known{std::move(list), std::max(known.changes, changes)};
}

void TimescaledbChunks::Forget() {
  const std::scoped_lock lock(mutex_);
  known_ = {};
  settled_ = false;
  ++forgotten_;
}

}  // namespace eventstore::storage
