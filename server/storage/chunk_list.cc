#include "server/storage/chunk_list.h"

#include <algorithm>

namespace eventstore::storage {

std::span<const Chunk> Overlapping(const ChunkList& chunks, const domain::TimeRange& range) {
  if (range.empty()) return {};
  // Chunks do not overlap, so their ends are in the order of their starts.
  const auto first =
      std::ranges::upper_bound(chunks, range.from, {}, [](const Chunk& chunk) { return chunk.range.to; });
  const auto end = std::ranges::lower_bound(chunks, range.to, {}, [](const Chunk& chunk) { return chunk.range.from; });
  if (first >= end) return {};
  return {first, end};
}

}  // namespace eventstore::storage
