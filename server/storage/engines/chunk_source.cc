#include "server/storage/engines/chunk_source.h"

#include <algorithm>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

// $1: what is known.
constexpr Query kClosed{"chunk_closed_since", R"sql(
SELECT chunk, (extract(epoch FROM range_start) * 1000000)::bigint, change, events, coalesce(min_position, 0),
       coalesce(max_position, 0)
FROM closed_chunks WHERE change > $1::bigint AND isfinite(range_start)
)sql"};

}  // namespace

ClosedChunk ClosedFrom(const pqxx::row& row, int first) {
  return {row[first].as<std::int64_t>(), row[first + 1].as<std::int64_t>(), row[first + 2].as<std::int64_t>(),
          row[first + 3].as<std::int64_t>()};
}

absl::Status NoteClosedSince(Session& session, std::int64_t known, ChunkList& chunks) {
  auto rows = session.Run(kClosed, {fmt::format("{}", known)});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    const auto start = row[1].as<std::int64_t>();
    const auto at = std::ranges::lower_bound(chunks, start, {}, [](const Chunk& chunk) { return chunk.range.from; });
    if (at != chunks.end() && at->range.from == start && at->table == row[0].c_str()) at->closed = ClosedFrom(row, 2);
  }
  return absl::OkStatus();
}

}  // namespace eventstore::storage
