// Positions that a restore took back (docs/decisions/0039-positions-after-a-restore.md): they were given out, if at all, by
// a later state of the store than the one that was restored, and are of nothing that is stored. They are not given out again.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/storage/session.h"

namespace eventstore::storage {

enum class PositionKind {
  kEvents,   // of events_v2
  kChanges,  // of operational records
};

// Both exclusive: `after` is the last position of what was restored, `before` the first that may be given out after it.
struct LostPositions {
  domain::Position after = 0;
  domain::Position before = 0;
};

// The stretch that one of `positions` lies in; nullopt: none does.
absl::StatusOr<std::optional<LostPositions>> FindLost(Session& session, PositionKind kind,
                                                      const std::vector<domain::Position>& positions);

// POSITION_AHEAD, for whoever wants to go on after this position of an event and has seen what is lost.
absl::Status CheckNotLost(Session& session, domain::Position position);

absl::Status NoteLost(Session& session, PositionKind kind, const LostPositions& lost);

}  // namespace eventstore::storage
