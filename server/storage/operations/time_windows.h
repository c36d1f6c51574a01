// A table that is cut by time is read in windows of time, so that no statement opens all of its chunks: planning takes time
// for each of them, and thousands are more locks than PostgreSQL has.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/query.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Calls `look` with one part of `range` after another, from now backwards or towards now, until it says true (found, or
// enough) or what is left holds no chunk. The first parts are of a day or two, later ones longer, none longer than 64 days.
absl::Status WalkTime(Session& session, const std::string& table, const domain::TimeRange& range,
                      domain::Direction direction,
                      const std::function<absl::StatusOr<bool>(const domain::TimeRange& window)>& look);

}  // namespace eventstore::storage
