// The table audit_log: what operators and admins did. Times are the database's.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/audit.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// On disk when it returns.
absl::Status AddAudit(Session& session, const domain::AuditRecord& record);

// Newest first; one more than the page, so that it shows whether there are more. Of an action that has ended, what came of
// it; of one that has not, that it was begun.
absl::StatusOr<std::vector<domain::AuditRecord>> ListAudit(Session& session, const domain::AuditQuery& query);

// How many records went, or with `dry_run` would go. Those of the last day stay.
absl::StatusOr<std::int64_t> PruneAudit(Session& session, domain::TimeMicros before, bool dry_run);

}  // namespace eventstore::storage
