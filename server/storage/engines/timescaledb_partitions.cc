#include "server/storage/engines/timescaledb_partitions.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

// Sizes with the compressed table that may stand behind a chunk. reltuples is -1 before the first ANALYZE.
constexpr Query kList{"partition_list", R"sql(
SELECT format('%I.%I', k.schema_name, k.table_name), d.range_start, d.range_end,
       pg_total_relation_size(format('%I.%I', k.schema_name, k.table_name)::regclass)
           + CASE WHEN z.id IS NULL THEN 0
                  ELSE pg_total_relation_size(format('%I.%I', z.schema_name, z.table_name)::regclass) END,
       coalesce(c.events, greatest(r.reltuples, 0)::bigint), c.events IS NOT NULL, k.compressed_chunk_id IS NOT NULL
FROM _timescaledb_catalog.hypertable h
JOIN _timescaledb_catalog.dimension m ON m.hypertable_id = h.id
JOIN _timescaledb_catalog.dimension_slice d ON d.dimension_id = m.id
JOIN _timescaledb_catalog.chunk_constraint n ON n.dimension_slice_id = d.id
JOIN _timescaledb_catalog.chunk k ON k.id = n.chunk_id
JOIN pg_class r ON r.oid = format('%I.%I', k.schema_name, k.table_name)::regclass
LEFT JOIN _timescaledb_catalog.chunk z ON z.id = k.compressed_chunk_id
LEFT JOIN closed_chunks c ON c.chunk = format('%I.%I', k.schema_name, k.table_name)
                         AND c.range_start = _timescaledb_functions.to_timestamp(d.range_start)
WHERE h.schema_name = 'public' AND h.table_name = $1 AND NOT k.dropped
ORDER BY d.range_start
)sql"};

// drop_chunks takes every chunk that lies wholly between the two times, and that is this one alone.
constexpr Query kDrop{"partition_drop", R"sql(
SELECT drop_chunks(format('public.%I', $3::text)::regclass, older_than => $1::timestamptz, newer_than => $2::timestamptz)
)sql"};

constexpr Query kCompress{"partition_compress", "SELECT compress_chunk($1::regclass, if_not_compressed => true)"};

// One at a time sets another interval and back.
constexpr Query kAlone{"partition_alone", "SELECT pg_advisory_xact_lock(1163285321, 1)"};  // "EVSI"
constexpr Query kInterval{"partition_interval", R"sql(
SELECT m.interval_length FROM _timescaledb_catalog.hypertable h
JOIN _timescaledb_catalog.dimension m ON m.hypertable_id = h.id
WHERE h.schema_name = 'public' AND h.table_name = 'events_v2'
)sql"};
constexpr Query kSetInterval{"partition_set_interval", "SELECT set_chunk_time_interval('events_v2', $1::bigint)"};

// A chunk stays, the row it was made for was never there for anybody else. (create_chunk() would do without one; the
// Apache edition refuses it.)
constexpr Query kInsert{"partition_insert", R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                       global_position)
VALUES ('00000000-0000-0000-0000-000000000000', $1::timestamptz, '00000000-0000-0000-0000-000000000000', 'none', 'none',
        '{}', '{}', 1, 'none', 0)
RETURNING tableoid::regclass
)sql"};
// From the chunk's own table: from events_v2 it is planned over all chunks, which takes as long as making one.
constexpr char kDelete[] =
    "DELETE FROM {} WHERE id = '00000000-0000-0000-0000-000000000000' AND timestamp = $1::timestamptz";

}  // namespace

absl::StatusOr<std::vector<Partition>> TimescaledbPartitions::List(Session& session) const {
  auto rows = session.Run(kList, {table_});
  if (!rows.ok()) return rows.status();
  std::vector<Partition> partitions;
  for (const auto& row : *rows) {
    partitions.push_back({.table = row[0].c_str(),
                          .range = {row[1].as<std::int64_t>(), row[2].as<std::int64_t>()},
                          .bytes = row[3].as<std::int64_t>(),
                          .rows = row[4].as<std::int64_t>(),
                          .rows_exact = row[5].as<bool>(),
                          .compressed = row[6].as<bool>()});
  }
  return partitions;
}

absl::StatusOr<int> TimescaledbPartitions::Ensure(Session& /*session*/, const domain::TimeRange& /*range*/) const {
  return 0;
}

absl::Status TimescaledbPartitions::MakeOf(Session& session, std::span<const domain::TimeMicros> times,
                                           domain::TimeMicros interval) const {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto done = session.Run(kAlone, {});
  auto old = done.ok() ? session.Run(kInterval, {}) : done;
  if (!old.ok()) return old.status();
  const std::string before = (*old)[0][0].c_str();
  done = session.Run(kSetInterval, {fmt::format("{}", interval)});
  for (const domain::TimeMicros time : times) {
    auto made = done.ok() ? session.Run(kInsert, {TimestampText(time)}) : done;
    if (!made.ok()) return made.status();
    done = session.RunText(fmt::format(kDelete, (*made)[0][0].c_str()), {TimestampText(time)});
  }
  if (done.ok()) done = session.Run(kSetInterval, {before});
  return done.ok() ? transaction.Commit() : done.status();
}

absl::Status TimescaledbPartitions::Drop(Session& session, const Partition& partition) const {
  return session.Run(kDrop, {TimestampText(partition.range.to), TimestampText(partition.range.from), table_}).status();
}

absl::Status TimescaledbPartitions::Compress(Session& session, const Partition& partition) const {
  if (!compresses_) {
    return domain::ErrorOf(
        domain::Reason::kStoreIncompatible,
        "this TimescaleDB is the Apache edition, which does not compress; the Community edition does");
  }
  return session.Run(kCompress, {partition.table}).status();
}

}  // namespace eventstore::storage
