#include "server/storage/chunk_catalog.h"

#include <algorithm>

namespace eventstore::storage {
namespace {

// One call: the sequence is read after the snapshot was taken.
constexpr Query kSequence{"chunk_sequence", R"sql(
SELECT s.last_value || CASE WHEN s.is_called THEN '' ELSE ' not called' END, pg_snapshot_xmin(pg_current_snapshot())::text
FROM _timescaledb_catalog.chunk_id_seq s
)sql"};

// Above every transaction that has begun to write. A snapshot's xmax is not: it is one more than the last transaction that
// has ended, and those that run above it are in no snapshot.
constexpr Query kNextXid{"chunk_next_xid", "SELECT pg_current_xact_id()::text"};

constexpr Query kChunks{"chunk_list", R"sql(
SELECT format('%I.%I', chunk_schema, chunk_name),
       (extract(epoch FROM range_start) * 1000000)::bigint,
       (extract(epoch FROM range_end) * 1000000)::bigint
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = 'events_v2'
ORDER BY range_start
)sql"};

}  // namespace

absl::StatusOr<std::shared_ptr<const ChunkList>> ChunkCatalog::All(Session& session) {
  auto sequence = session.Run(kSequence, {});
  if (!sequence.ok()) return sequence.status();
  const auto row = (*sequence)[0];
  const std::string value = row[0].c_str();
  const auto xmin = row[1].as<std::int64_t>();
  bool moved = false;
  {
    const std::scoped_lock lock(mutex_);
    if (chunks_ && settled_ && sequence_ == value) return chunks_;
    moved = sequence_ != value;
  }
  if (moved) {
    auto next = session.Run(kNextXid, {});
    if (!next.ok()) return next.status();
    const std::scoped_lock lock(mutex_);
    sequence_ = value;
    settled_at_ = (*next)[0][0].as<std::int64_t>();
    settled_ = false;
  }
  auto loaded = Load(session);
  if (!loaded.ok()) return loaded;
  const std::scoped_lock lock(mutex_);
  if (sequence_ == value) {
    chunks_ = *loaded;
    // Everyone who could have drawn this id or an earlier one had ended before the list was read.
    settled_ = xmin >= settled_at_;
  }
  return loaded;
}

absl::StatusOr<std::shared_ptr<const ChunkList>> ChunkCatalog::Load(Session& session) {
  auto rows = session.Run(kChunks, {});
  if (!rows.ok()) return rows.status();
  auto list = std::make_shared<ChunkList>();
  list->reserve(static_cast<std::size_t>(rows->size()));
  for (const auto& row : *rows) {
    list->push_back({row[0].c_str(), {row[1].as<std::int64_t>(), row[2].as<std::int64_t>()}});
  }
  return list;
}

absl::StatusOr<ChunkList> ChunkCatalog::Within(Session& session, const domain::TimeRange& range) {
  auto all = All(session);
  if (!all.ok()) return all.status();
  ChunkList within;
  std::ranges::copy_if(**all, std::back_inserter(within),
                       [&](const Chunk& chunk) { return chunk.range.from < range.to && range.from < chunk.range.to; });
  return within;
}

void ChunkCatalog::Forget() {
  const std::scoped_lock lock(mutex_);
  chunks_.reset();
  settled_ = false;
}

}  // namespace eventstore::storage
