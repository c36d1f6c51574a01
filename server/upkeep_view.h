// What the housekeeper found, as /metrics and /readyz show it.
#pragma once

#include <cstdint>
#include <optional>

#include "server/housekeeping/status.h"
#include "server/observability/upkeep_snapshot.h"

namespace eventstore {

// Nothing: the housekeeper has not looked yet, or there is none. `repaired`: partitions that appends of this process had
// to make.
std::optional<observability::UpkeepSnapshot> UpkeepView(const housekeeping::Status& status, std::int64_t repaired);

}  // namespace eventstore
