// A list of the tables that hold events_v2.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "server/domain/event.h"
#include "server/domain/time.h"

namespace eventstore::storage {

// Nothing can be appended to it any more, and the directory knows what it holds.
struct ClosedChunk {
  std::int64_t change = 0;  // store_identity.closed_changes when it was closed
  std::int64_t events = 0;
  domain::Position least = 0;  // without meaning when it holds no events
  domain::Position greatest = 0;
};

struct Chunk {
  std::string table;  // schema-qualified and quoted
  domain::TimeRange range;
  std::optional<ClosedChunk> closed = std::nullopt;

  // Whether what was asked of the directory when closed_changes was `change` says all about it.
  bool ClosedBy(std::int64_t change) const { return closed && closed->change <= change; }
};

using ChunkList = std::vector<Chunk>;  // oldest first

// Those that overlap [range.from, range.to).
std::span<const Chunk> Overlapping(const ChunkList& chunks, const domain::TimeRange& range);

}  // namespace eventstore::storage
