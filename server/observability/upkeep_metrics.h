// The upkeep of the tables as metrics.
#pragma once

#include "server/observability/metrics.h"
#include "server/observability/upkeep_snapshot.h"

namespace eventstore::observability {

// What is not known is absent.
void AddUpkeepMetrics(Metrics& metrics, const ReadUpkeep& read);

}  // namespace eventstore::observability
