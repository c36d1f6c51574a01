// The hourly aggregates that are continuous aggregates of TimescaleDB's Community edition. Their policies look at the last
// day; this looks at everything that has not been dropped, so that rows that come late are counted.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ContinuousAggregate {
  std::string name;
  std::string source;
};

absl::StatusOr<std::vector<ContinuousAggregate>> ContinuousAggregates(Session& session);

// Refreshes what has changed in the hours before `until`, or every hour from `all_from` on. False: the table has no rows
// there. Not in a transaction, and while nobody drops chunks: a refresh of hours that are gone would take them away.
absl::StatusOr<bool> RefreshContinuous(Session& session, const ContinuousAggregate& aggregate, domain::TimeMicros until,
                                       std::optional<domain::TimeMicros> all_from);

}  // namespace eventstore::storage
