// The horizon: the position below which every append has either committed and is visible, or never will be. Reading
// below it skips nothing, whatever writers are doing.
//
// The snapshot's xmin would do, but any write transaction in the cluster pins it, other databases' included. Lanes give
// a sharper bound:
//   (1) take x = pg_snapshot_xmax
//   (2) take the smallest xid among the sessions that hold a lane; the horizon is the smaller of the two
//   (3) read in a later statement, whose snapshot is newer
// An append below x either still holds its lane at (2) and lowers the horizon, or had released it; PostgreSQL makes a
// commit visible before it releases the locks, so (3) sees it. A session without an xid at (2) gets one above x.
// (2) costs about 1 ms: it is asked only while something runs, when xmin < xmax.
//
// backend_xid of other sessions is shown only to their own role (or pg_read_all_stats): all instances use one role.
#pragma once

#include "absl/status/statusor.h"
#include "server/domain/event.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct Horizon {
  domain::Position position = 0;  // exclusive: events with a smaller global_position are settled
  // The backend whose append holds it back; 0: none does.
  int held_by = 0;
};

absl::StatusOr<Horizon> ReadHorizon(Session& session, std::int64_t xid_offset);

}  // namespace eventstore::storage
