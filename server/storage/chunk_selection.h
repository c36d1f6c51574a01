// The chunks a read opens: those that the directory names, and those it does not know yet.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "server/domain/query.h"
#include "server/storage/chunk_directory.h"

namespace eventstore::storage {

// In reading order. Holds the list they are in.
struct Selection {
  std::shared_ptr<const ChunkList> list;
  std::vector<const Chunk*> chunks;
};

// What is open of those that overlap `range`, and what `places` names. When there are more places than these, nothing
// behind the last of them.
template <typename PlaceList>
std::vector<const Chunk*> Select(const ChunkList& list, const domain::TimeRange& range, std::int64_t changes,
                                 const PlaceList& places, bool more, domain::Direction direction) {
  std::vector<const Chunk*> chunks;
  for (const auto& place : places) {
    const Chunk* chunk = ChunkFrom(list, place.chunk);
    // Not there: dropped. Not closed yet: found below.
    if (chunk != nullptr && chunk->ClosedBy(changes)) chunks.push_back(chunk);
  }
  for (const Chunk& chunk : Overlapping(list, range)) {
    if (!chunk.ClosedBy(changes)) chunks.push_back(&chunk);
  }
  const bool forward = direction == domain::Direction::kForward;
  if (more) {
    const auto end = places.back().chunk;
    std::erase_if(chunks, [&](const Chunk* c) { return forward ? c->range.from > end : c->range.from < end; });
  }
  // Oldest first, as in the list.
  std::ranges::sort(chunks);
  const auto twice = std::ranges::unique(chunks);
  chunks.erase(twice.begin(), twice.end());
  if (!forward) std::ranges::reverse(chunks);
  return chunks;
}

}  // namespace eventstore::storage
