#include "server/storage/engines/native_chunks.h"

#include <utility>

#include "server/storage/engines/native_range.h"

namespace eventstore::storage {
namespace {

constexpr Query kStamp{"native_stamp",
                       "SELECT events_v2_partition_stamp(), closed_changes, reopened_change FROM store_identity"};

constexpr Query kChunks{"native_chunks", R"sql(
SELECT p.name,
       p.range_start IS NULL,  -- DEFAULT
       CASE WHEN isfinite(p.range_start) THEN (extract(epoch FROM p.range_start) * 1000000)::bigint END,
       CASE WHEN isfinite(p.range_end) THEN (extract(epoch FROM p.range_end) * 1000000)::bigint END,
       c.change, c.events, coalesce(c.min_position, 0), coalesce(c.max_position, 0)
FROM events_v2_partitions_in_use p
LEFT JOIN closed_chunks c ON c.range_start = p.range_start AND c.range_end = p.range_end AND c.chunk = p.name
ORDER BY p.range_start
)sql"};

}  // namespace

absl::StatusOr<NativeChunks::Stamp> NativeChunks::ReadStamp(Session& session) {
  auto rows = session.Run(kStamp, {});
  if (!rows.ok()) return rows.status();
  return Stamp{{nullptr, (*rows)[0][0].c_str(), (*rows)[0][1].as<std::int64_t>()}, (*rows)[0][2].as<std::int64_t>()};
}

absl::StatusOr<std::shared_ptr<const ChunkList>> NativeChunks::All(Session& session) {
  auto stamp = ReadStamp(session);
  if (!stamp.ok()) return stamp.status();
  Known now = std::move(stamp->now);
  Known known;
  std::uint64_t forgotten = 0;
  {
    const std::scoped_lock lock(mutex_);
    known = known_;
    forgotten = forgotten_;
  }
  const bool same = known.chunks && known.stamp == now.stamp && known.changes >= stamp->reopened;
  if (same && known.changes >= now.changes) return known.chunks;
  // Read after the stamp, so it has at least what the stamp stands for.
  auto list = same ? std::make_shared<ChunkList>(*known.chunks) : std::make_shared<ChunkList>();
  absl::Status read = same ? NoteClosedSince(session, known.changes, *list) : Load(session, *list);
  if (!read.ok()) return read;
  now.chunks = std::move(list);
  const std::scoped_lock lock(mutex_);
  if (forgotten_ == forgotten && (!known_.chunks || now.changes >= known_.changes)) known_ = now;
  return now.chunks;
}

absl::Status NativeChunks::Load(Session& session, ChunkList& chunks) {
  auto rows = session.Run(kChunks, {});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    auto range = NativeRange(row, 1);
    if (!range.ok()) return range.status();
    Chunk chunk{row[0].c_str(), *range};
    if (!row[4].is_null()) chunk.closed = ClosedFrom(row, 4);
    chunks.push_back(std::move(chunk));
  }
  return absl::OkStatus();
}

void NativeChunks::Forget() {
  const std::scoped_lock lock(mutex_);
  known_ = {};
  ++forgotten_;
}

}  // namespace eventstore::storage
