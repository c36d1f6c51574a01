#include "server/storage/subscription_start.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/cursor_position.h"
#include "server/storage/horizon.h"
#include "server/storage/lost_positions.h"
#include "server/storage/sql_text.h"
#include "server/storage/store_identity.h"

namespace eventstore::storage {
namespace {

using domain::Position;
using Kind = domain::SubscriptionStart::Kind;

// The smallest position of an event recorded at or after `time`, or `end`. Positions and times nearly go together, but
// not quite: an import has old times and new positions.
absl::StatusOr<Position> FirstSince(Session& session, ChunkCatalog& chunks, domain::TimeMicros time, Position end) {
  auto list = chunks.All(session);
  if (!list.ok()) return list.status();
  Position first = end;
  domain::TimeRange since;
  since.from = time;
  for (const Chunk& chunk : Overlapping(**list, since)) {
    if (chunk.closed && (chunk.closed->events == 0 || chunk.closed->least >= first)) continue;
    if (chunk.closed && chunk.range.from >= time) {
      first = chunk.closed->least;
      continue;
    }
    auto rows =
        session.RunText("SELECT min(global_position) FROM " + chunk.table + " WHERE timestamp >= $1::timestamptz",
                        {TimestampText(time)});
    if (!rows.ok()) return rows.status();
    if (!(*rows)[0][0].is_null()) first = std::min(first, (*rows)[0][0].as<Position>());
  }
  return first;
}

absl::Status Ahead(Position position, Position settled) {
  domain::Error error;
  error.reason = domain::Reason::kPositionAhead;
  error.message = fmt::format(
      "from_position {} is beyond {}, the last one of this store: it was restored to an earlier state, or the position "
      "is of another store. Begin from an earlier checkpoint",
      position, settled);
  error.metadata = {{"from_position", fmt::format("{}", position)}, {"last_position", fmt::format("{}", settled)}};
  return domain::ToStatus(error);
}

}  // namespace

absl::StatusOr<Settled> ReadSettled(Session& session, ChunkCatalog& chunks) {
  // In a new cluster, the horizon would be below everything until the offset is raised.
  auto identity = EnsureIdentity(session, chunks);
  if (!identity.ok()) return identity.status();
  auto horizon = ReadHorizon(session, identity->xid_offset);
  if (!horizon.ok()) return horizon.status();
  Settled settled{horizon->position, 0};
  domain::ReadAllQuery newest;
  newest.from_position = horizon->position;
  newest.direction = domain::Direction::kBackward;
  newest.max_events = 1;
  PositionCursor cursor(std::move(newest), chunks);
  for (bool last = false; !last && settled.last == 0;) {
    auto page = cursor.Next(session);
    if (!page.ok()) return page.status();
    if (!page->events.empty()) settled.last = page->events.front().global_position;
    last = page->last;
  }
  return settled;
}

absl::StatusOr<Position> FindStart(Session& session, ChunkCatalog& chunks, const domain::SubscriptionStart& start) {
  if (start.kind == Kind::kBeginning) return 0;
  auto settled = ReadSettled(session, chunks);
  if (!settled.ok()) return settled.status();
  if (start.kind == Kind::kPosition) {
    // First, since it tells more.
    if (absl::Status kept = CheckNotLost(session, start.position); !kept.ok()) return kept;
    if (start.position >= settled->horizon) return Ahead(start.position, settled->last);
    // 0 is the beginning, wherever that is now.
    if (start.position > 0) {
      auto gone = ReadGoneUpTo(session);
      if (!gone.ok()) return gone.status();
      if (absl::Status whole = CheckNotGone(start.position, *gone); !whole.ok()) return whole;
    }
    return start.position;
  }
  if (start.kind == Kind::kTime) {
    auto first = FirstSince(session, chunks, start.time, settled->horizon);
    if (!first.ok()) return first.status();
    return std::min(*first - 1, settled->last);
  }
  return settled->last;
}

}  // namespace eventstore::storage
