#include "server/storage/engines/native_chunks.h"
#include "server/storage/engines/native_partitions.h"
#include "server/storage/engines/rows.h"
#include "server/storage/migration_set.h"

namespace eventstore::storage {
namespace {

// Any PostgreSQL that is new enough, and that is asked for every engine.
absl::Status Check(const ServerFacts& /*facts*/) { return absl::OkStatus(); }

std::unique_ptr<ChunkSource> MakeSource() { return std::make_unique<NativeChunks>(); }

std::unique_ptr<Partitions> MakePartitions(const std::string& /*edition*/) {
  return std::make_unique<NativePartitions>();
}

std::unique_ptr<Partitions> MakePartitionsOf(const std::string& /*edition*/, const std::string& table) {
  return std::make_unique<NativePartitions>(table);
}

}  // namespace

// events_v2_partition_stamp() is part of the schema, and why it is cheap and current stands there. Partitions beyond
// `reach` are empty, so no id is looked up in a month of them.
const Engine kNativeEngineRow{
    .name = kNativeEngine,
    .check = Check,
    .prepare_database = "",
    .has_editions = false,
    .chunk_source = MakeSource,
    .partitions = MakePartitions,
    .partitions_of = MakePartitionsOf,
    .recent = {.scope = "SELECT 0",
               .stamp = "SELECT events_v2_partition_stamp()",
               .reach = "SELECT reach FROM events_v2_partitioning",
               .raise_reach = R"sql(
UPDATE events_v2_partitioning
SET reach = greatest(reach, to_timestamp(0) + (floor(extract(epoch FROM $1) * 1000000 / interval_us) + 1)
                                              * interval_us * interval '1 microsecond')
)sql",
               .tables = R"sql(
SELECT (relid::bigint - 2147483648)::integer, name FROM events_v2_partitions_in_use
WHERE range_end > now() - interval '24 hours' ORDER BY range_start
)sql"},
};

}  // namespace eventstore::storage
