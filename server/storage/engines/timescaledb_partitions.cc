#include "server/storage/engines/timescaledb_partitions.h"

#include "server/domain/error.h"
#include "server/storage/sql_text.h"

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
