#include "server/storage/recent_chunks.h"

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

const Prepared kDimension{"recent_dimension", R"sql(
SELECT d.id
FROM _timescaledb_catalog.dimension d
JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
WHERE h.schema_name = 'public' AND h.table_name = 'events_v2'
)sql"};

// Slices are in microseconds since 1970. The last day by the transaction's start: earlier than the time its events get,
// so rather a chunk too many.
const Prepared kTables{"recent_tables", R"sql(
SELECT s.id, format('%I.%I', c.schema_name, c.table_name)
FROM _timescaledb_catalog.dimension_slice s
JOIN _timescaledb_catalog.chunk_constraint b ON b.dimension_slice_id = s.id
JOIN _timescaledb_catalog.chunk c ON c.id = b.chunk_id
WHERE s.dimension_id = $1 AND s.range_end > (extract(epoch FROM now()) * 1000000)::bigint - 86400000000
  AND NOT c.dropped
ORDER BY s.id
)sql"};

}  // namespace

absl::Status RecentChunks::Load(PipelineSession& session) {
  known_ = false;
  if (absl::Status added = session.Add(kDimension); !added.ok()) return added;
  auto dimension = session.Run();
  if (!dimension.ok()) return dimension.status();
  dimension_ = dimension->at(0).Int4(0, 0);
  if (absl::Status added = session.Add(kTables, Parameters().AddInt4(dimension_)); !added.ok()) return added;
  auto tables = session.Run();
  if (!tables.ok()) return tables.status();
  slices_.clear();
  lookups_.clear();
  for (int row = 0; row < tables->at(0).size(); ++row) {
    slices_.push_back(tables->at(0).Int4(row, 0));
    const std::string table = tables->at(0).Text(row, 1);
    lookups_.push_back(
        {fmt::format("recent_ids_{}", slices_.back()),
         fmt::format("SELECT id FROM {} WHERE id = ANY ($1) AND timestamp >= now() - interval '24 hours'", table)});
  }
  known_ = true;
  return absl::OkStatus();
}

}  // namespace eventstore::storage
