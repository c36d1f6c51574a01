// Workers in the database. Each call is one statement, or one and a look at why it did nothing.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/records.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// WORKER_NAME_TAKEN.
absl::StatusOr<domain::Worker> RegisterWorker(Session& session, const domain::NewWorker& worker);

struct Heartbeat {
  domain::WorkerStatus status = domain::WorkerStatus::kActive;
  domain::TimeMicros at = 0;
};
// RECORD_NOT_FOUND.
absl::StatusOr<Heartbeat> HeartbeatWorker(Session& session, const domain::Uuid& id);
// The same, and STATUS_CONFLICT.
absl::StatusOr<domain::Worker> DrainWorker(Session& session, const domain::Uuid& id);
// One that is not there is gone as well.
absl::Status DeregisterWorker(Session& session, const domain::Uuid& id, bool forget);

// Those that are active or draining and have been silent for so long become inactive, or would (dry_run). Their names, at
// most 100 at a time. None while the database has not been up for as long.
absl::StatusOr<std::vector<std::string>> RetireStaleWorkers(Session& session, std::chrono::seconds silence,
                                                            bool dry_run);

// By id, else by name. RECORD_NOT_FOUND.
absl::StatusOr<domain::Worker> GetWorker(Session& session, const std::optional<domain::Uuid>& id,
                                         const std::string& name);
// By name; one more than the page has, where there is one.
absl::StatusOr<std::vector<domain::Worker>> ListWorkers(Session& session, const domain::WorkerQuery& query);

}  // namespace eventstore::storage
