// What consumer groups have set aside: looked at, asked for again, thrown away, and read again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/consumer_group.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ParkedPage {
  std::vector<domain::ParkedEvent> events;
  domain::Position next = 0;  // where the next page begins; 0: there is none
};

// A page also ends at about 1 MiB.
absl::StatusOr<ParkedPage> ListParked(Session& session, ChunkCatalog& chunks, const domain::ParkedList& list);

enum class ParkedAction { kReplay, kDiscard };
// How many it did this with; those that are being replayed already are not replayed once more.
absl::StatusOr<std::int64_t> ChangeParked(Session& session, ChunkCatalog& chunks,
                                          const domain::ParkedSelection& selection, ParkedAction action);

// The events of the first of `refs`, which are in the order of positions: at least one, and so many that they make about
// 1 MiB. nullopt: its chunk was dropped. Each chunk is asked for its own alone.
absl::StatusOr<std::vector<std::optional<domain::RecordedEvent>>> ReadParked(Session& session, ChunkCatalog& chunks,
                                                                             std::span<const domain::ParkedRef> refs);

// They cannot be replayed: their chunk was dropped.
absl::Status GiveUpReplays(Session& session, const std::string& group, const std::vector<domain::Uuid>& event_ids);

}  // namespace eventstore::storage
