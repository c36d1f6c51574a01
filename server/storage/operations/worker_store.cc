#include "server/storage/operations/worker_store.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/operations/transitions.h"
#include "server/storage/operations/record_rows.h"
#include "server/storage/operations/record_writes.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

constexpr Query kHeartbeat{"worker_heartbeat", R"sql(
UPDATE worker
SET last_heartbeat = clock_timestamp(), status = CASE WHEN status = 'inactive' THEN 'active' ELSE status END
WHERE id = $1::uuid
RETURNING status, (extract(epoch FROM last_heartbeat) * 1000000)::bigint
)sql"};

constexpr Query kForget{"worker_forget", "DELETE FROM worker WHERE id = $1::uuid"};
constexpr Query kRetire{"worker_retire",
                        "UPDATE worker SET status = 'inactive' WHERE id = $1::uuid AND status <> 'inactive'"};

// Skips workers whose heartbeat is just being written.
constexpr Query kStale{"worker_stale", R"sql(
SELECT name FROM worker
WHERE status IN ('active', 'draining') AND last_heartbeat < clock_timestamp() - $1::interval
  AND pg_postmaster_start_time() < clock_timestamp() - $1::interval
ORDER BY name LIMIT 100
)sql"};
constexpr Query kRetireStale{"worker_retire_stale", R"sql(
WITH stale AS MATERIALIZED (
  SELECT id FROM worker
  WHERE status IN ('active', 'draining') AND last_heartbeat < clock_timestamp() - $1::interval
    AND pg_postmaster_start_time() < clock_timestamp() - $1::interval
  ORDER BY name LIMIT 100 FOR UPDATE SKIP LOCKED
)
UPDATE worker w SET status = 'inactive' FROM stale WHERE w.id = stale.id RETURNING w.name
)sql"};

absl::Status NameTaken(const std::string& name) {
  domain::Error error;
  error.reason = domain::Reason::kWorkerNameTaken;
  error.message = fmt::format(
      "the name {} is that of another worker: send the id of that one, or none, or register under another name", name);
  error.metadata = {{"name", name}};
  return domain::ToStatus(error);
}

}  // namespace

absl::StatusOr<domain::Worker> RegisterWorker(Session& session, const domain::NewWorker& worker) {
  // No row when the name is that of another id. An id that is known under another name takes the new name.
  static const std::string sql = fmt::format(
      "WITH renamed AS (UPDATE worker SET name = $3 WHERE id = $2::uuid AND name <> $3 "
      "AND NOT EXISTS (SELECT FROM worker w WHERE w.name = $3) RETURNING {0}) "
      "INSERT INTO worker (id, name, host, worker_type, capabilities) "
      "SELECT coalesce($2::uuid, $1::uuid), $3, $4, $5, $6::jsonb WHERE NOT EXISTS (SELECT FROM renamed) "
      "ON CONFLICT (name) DO UPDATE SET host = excluded.host, worker_type = excluded.worker_type, "
      "capabilities = excluded.capabilities, status = 'active', last_heartbeat = clock_timestamp() "
      "WHERE $2::uuid IS NULL OR worker.id = $2::uuid RETURNING {0}",
      kWorkerColumns);
  const Query query{"worker_register", sql.c_str()};
  const pq::Args args{worker.made_id.ToString(), TextOf(worker.id),  worker.name, worker.host,
                      worker.worker_type,        worker.capabilities};
  // The second time for one that took a new name: that is set then, and the rest follows.
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto rows = WriteRecord(session, true, [&] { return session.Run(query, args); });
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) return WorkerFrom((*rows)[0]);
  }
  return NameTaken(worker.name);
}

absl::StatusOr<Heartbeat> HeartbeatWorker(Session& session, const domain::Uuid& id) {
  auto rows = WriteRecord(session, true, [&] { return session.Run(kHeartbeat, {id.ToString()}); });
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return domain::RecordNotFound("worker", id.ToString(), false);
  Heartbeat heartbeat{domain::WorkerStatus::kActive, (*rows)[0][1].as<std::int64_t>()};
  for (std::size_t i = 0; i < domain::kWorkerStatuses.size(); ++i) {
    if (domain::kWorkerStatuses.at(i) == (*rows)[0][0].c_str()) heartbeat.status = static_cast<domain::WorkerStatus>(i);
  }
  return heartbeat;
}

absl::StatusOr<domain::Worker> DrainWorker(Session& session, const domain::Uuid& id) {
  static const std::string sql = fmt::format(
      "UPDATE worker SET status = 'draining' WHERE id = $1::uuid AND status IN ('active', 'error') RETURNING {}",
      kWorkerColumns);
  const Query query{"worker_drain", sql.c_str()};
  auto rows = WriteRecord(session, true, [&] { return session.Run(query, {id.ToString()}); });
  if (!rows.ok()) return rows.status();
  if (!rows->empty()) return WorkerFrom((*rows)[0]);
  auto current = GetWorker(session, id, "");
  if (!current.ok() || current->status == domain::WorkerStatus::kDraining) return current;
  return domain::StatusConflict("worker", id.ToString(), domain::NameOf(current->status),
                                domain::NameOf(domain::WorkerStatus::kActive));
}

absl::Status DeregisterWorker(Session& session, const domain::Uuid& id, bool forget) {
  return WriteRecord(session, true, [&] { return session.Run(forget ? kForget : kRetire, {id.ToString()}); }).status();
}

absl::StatusOr<std::vector<std::string>> RetireStaleWorkers(Session& session, std::chrono::seconds silence,
                                                            bool dry_run) {
  auto rows = WriteRecord(session, true, [&] {
    return session.Run(dry_run ? kStale : kRetireStale, {fmt::format("{} s", silence.count())});
  });
  if (!rows.ok()) return rows.status();
  std::vector<std::string> names;
  for (const auto& row : *rows) names.emplace_back(row[0].c_str());
  std::ranges::sort(names);
  return names;
}

absl::StatusOr<domain::Worker> GetWorker(Session& session, const std::optional<domain::Uuid>& id,
                                         const std::string& name) {
  static const std::string sql =
      fmt::format("SELECT {} FROM worker WHERE id = $1::uuid OR ($1 IS NULL AND name = $2)", kWorkerColumns);
  const Query query{"worker_get", sql.c_str()};
  auto rows = session.Run(query, {TextOf(id), name});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return domain::RecordNotFound("worker", id ? id->ToString() : name, false);
  return WorkerFrom((*rows)[0]);
}

absl::StatusOr<std::vector<domain::Worker>> ListWorkers(Session& session, const domain::WorkerQuery& query) {
  Where where(0);
  if (!query.status.empty()) where.And("status = {}", query.status);
  if (!query.worker_type.empty()) where.And("worker_type = {}", query.worker_type);
  if (!query.after.empty()) where.And("name > {}", query.after);
  auto rows = session.RunText(fmt::format("SELECT {} FROM worker WHERE {} ORDER BY name LIMIT {}", kWorkerColumns,
                                          where.text(), query.page_size + 1),
                              where.args());
  if (!rows.ok()) return rows.status();
  std::vector<domain::Worker> workers;
  for (const auto& row : *rows) workers.push_back(WorkerFrom(row));
  return workers;
}

}  // namespace eventstore::storage
