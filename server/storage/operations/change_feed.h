// The creations and changes of status of operational records, in the order of their positions, as far as they are settled:
// below the horizon every change has either been committed and is visible, or never will be.
//
// migrations/0030_operations_positions.sql says how writers draw positions and why the horizon is what it is.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/operations/record_query.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// "EVOP", as in the migration.
inline constexpr int kOperationsMarkClass = 0x45564F50;

// An enforcement that is resolved so many days after it was made is not shown any more: to find it, each chunk would have to
// be asked at every look.
inline constexpr int kResolvedWithinDays = 100;

struct ChangeHorizon {
  // Exclusive: what is below is settled. `drawn`: the last position that anybody has drawn.
  std::int64_t position = 0;
  std::int64_t drawn = 0;
  domain::TimeMicros now = 0;  // the database's clock
};

// Costs a look at a sequence; and at the locks, unless the last position drawn is still `settled`: one below which, and itself,
// everything was settled before. 0: none is known to be.
absl::StatusOr<ChangeHorizon> ReadChangeHorizon(Session& session, std::int64_t settled = 0);

struct ChangePage {
  std::vector<domain::RecordChange> changes;
  // Where it ended. Of the last page: just below the horizon.
  domain::ChangePlace upto;
  bool last = false;
};

// What comes after `after` and below the horizon, at most `limit` changes.
//
// Chunks that were over a day before `after.time` are not opened. So a change is missed if its transaction was open for a
// day, or the database's clock was set back by a day, while nobody looked.
absl::StatusOr<ChangePage> ReadChanges(Session& session, const domain::ChangePlace& after, const ChangeHorizon& horizon,
                                       const domain::ChangeFilter& filter, int limit);

// EVENTS_DROPPED, when retention has dropped what came after this place.
absl::Status CheckNotDropped(Session& session, const domain::ChangePlace& after);

}  // namespace eventstore::storage
