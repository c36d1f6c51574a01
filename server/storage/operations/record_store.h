// Operational records in the database: made, changed, found. Each call is one transaction on the caller's session, which
// must be a general one: plans are made for the values, so that only the chunks that matter are opened.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/records.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// RECORD_ID_CONFLICT; a repeat of the last 24 hours gives what is stored.
absl::StatusOr<domain::TriggerEvent> RecordEvent(Session& session, const domain::NewTriggerEvent& event);
absl::StatusOr<domain::Enforcement> CreateEnforcement(Session& session, const domain::NewEnforcement& enforcement);
absl::StatusOr<domain::Execution> CreateExecution(Session& session, const domain::NewExecution& execution);

// STATUS_CONFLICT, RECORD_NOT_FOUND.
absl::StatusOr<domain::Enforcement> ResolveEnforcement(Session& session, const domain::Resolution& resolution);
// The same, and ILLEGAL_TRANSITION.
absl::StatusOr<domain::Execution> MoveExecution(Session& session, const domain::Move& move);

// RECORD_NOT_FOUND.
absl::StatusOr<domain::TriggerEvent> GetEvent(Session& session, const domain::RecordKey& key);
absl::StatusOr<domain::Enforcement> GetEnforcement(Session& session, const domain::RecordKey& key);
absl::StatusOr<domain::Execution> GetExecution(Session& session, const domain::RecordKey& key);

// Newest first; one more than the page has, where there is one.
absl::StatusOr<std::vector<domain::TriggerEvent>> ListEvents(Session& session, const domain::RecordQuery& query);
absl::StatusOr<std::vector<domain::Enforcement>> ListEnforcements(Session& session, const domain::RecordQuery& query);
absl::StatusOr<std::vector<domain::Execution>> ListExecutions(Session& session, const domain::RecordQuery& query);

}  // namespace eventstore::storage
