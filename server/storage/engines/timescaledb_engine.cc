#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/engines/rows.h"
#include "server/storage/engines/timescaledb_chunks.h"
#include "server/storage/engines/timescaledb_partitions.h"
#include "server/storage/migration_set.h"

namespace eventstore::storage {
namespace {

absl::Status Incompatible(const std::string& message) {
  return domain::ErrorOf(domain::Reason::kStoreIncompatible, message);
}

absl::Status Check(const ServerFacts& facts) {
  if (facts.timescale_available.empty() && facts.timescale_installed.empty()) {
    return Incompatible(fmt::format(
        "PostgreSQL {} has no TimescaleDB extension; install it on the database's machine (Debian 13: package "
        "postgresql-17-timescaledb), add shared_preload_libraries = 'timescaledb' to postgresql.conf and restart "
        "PostgreSQL, or choose engine native, which needs no extension. Nothing was changed",
        facts.version));
  }
  if (!facts.timescale_preloaded) {
    return Incompatible(
        "TimescaleDB is installed but not loaded: add timescaledb to shared_preload_libraries in postgresql.conf and "
        "restart PostgreSQL, or choose engine native, which needs no extension. Nothing was changed");
  }
  const bool installed = !facts.timescale_installed.empty();
  const std::string& version = installed ? facts.timescale_installed : facts.timescale_available;
  if (VersionLess(version, kMinTimescale)) {
    return Incompatible(fmt::format(
        "TimescaleDB {} is too old, at least {} is needed: install a newer package{}. Nothing was changed", version,
        kMinTimescale, installed ? " and run ALTER EXTENSION timescaledb UPDATE in this database" : ""));
  }
  return absl::OkStatus();
}

std::unique_ptr<ChunkSource> MakeSource() { return std::make_unique<TimescaledbChunks>(); }

std::unique_ptr<Partitions> MakePartitions(const std::string& edition) {
  return std::make_unique<TimescaledbPartitions>(edition == "timescale");
}

std::unique_ptr<Partitions> MakePartitionsOf(const std::string& edition, const std::string& table) {
  return std::make_unique<TimescaledbPartitions>(edition == "timescale", table);
}

}  // namespace

// The stamp is an index probe of the slices of time, which are in microseconds since 1970.
const Engine kTimescaledbEngineRow{
    .name = kTimescaleEngine,
    .check = Check,
    // In the first migration: until it is there its licence cannot be asked for.
    .prepare_database = "CREATE EXTENSION IF NOT EXISTS timescaledb",
    .has_editions = true,
    .chunk_source = MakeSource,
    .partitions = MakePartitions,
    .partitions_of = MakePartitionsOf,
    .recent = {.scope = R"sql(
SELECT d.id
FROM _timescaledb_catalog.dimension d
JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
WHERE h.schema_name = 'public' AND h.table_name = 'events_v2'
)sql",
               .stamp = "SELECT array_agg(s.id ORDER BY s.id)::text FROM _timescaledb_catalog.dimension_slice s "
                        "WHERE s.dimension_id = $1 "
                        "AND s.range_end > (extract(epoch FROM now()) * 1000000)::bigint - 86400000000",
               .reach = "NULL::timestamptz",
               .raise_reach = "",
               .tables = R"sql(
SELECT s.id, format('%I.%I', c.schema_name, c.table_name)
FROM _timescaledb_catalog.dimension_slice s
JOIN _timescaledb_catalog.chunk_constraint b ON b.dimension_slice_id = s.id
JOIN _timescaledb_catalog.chunk c ON c.id = b.chunk_id
WHERE s.dimension_id = $1 AND s.range_end > (extract(epoch FROM now()) * 1000000)::bigint - 86400000000
  AND NOT c.dropped
ORDER BY s.id
)sql"},
};

}  // namespace eventstore::storage
