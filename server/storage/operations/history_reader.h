// The history of a tracked table (migrations/0033_tracked_tables.sql).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/operations/record_query.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// In order of time; one more than the page has, where there is one. TABLE_NOT_TRACKED; INVALID_REQUEST for an entity_id that
// is none of the table's.
absl::StatusOr<std::vector<domain::HistoryEntry>> ReadHistory(Session& session, const domain::HistoryQuery& query);

}  // namespace eventstore::storage
