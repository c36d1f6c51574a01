#include "fmt/format.h"
#include "server/domain/operations/transitions.h"
#include "server/storage/operations/record_rows.h"
#include "server/storage/operations/record_store.h"
#include "server/storage/operations/record_writes.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

// Whether `created` is known: then it names one chunk.
absl::StatusOr<domain::TimeMicros> CreatedOf(Session& session, const domain::RecordKey& key, bool execution) {
  if (key.created) return *key.created;
  if (execution) {
    auto found = GetExecution(session, key);
    if (!found.ok()) return found.status();
    return found->created;
  }
  auto found = GetEnforcement(session, key);
  if (!found.ok()) return found.status();
  return found->created;
}

}  // namespace

absl::StatusOr<domain::Enforcement> ResolveEnforcement(Session& session, const domain::Resolution& resolution) {
  static const std::string sql = fmt::format(
      "UPDATE enforcement SET status = $3 WHERE id = $1::uuid AND created = $2::timestamptz AND status = 'created' "
      "RETURNING {}",
      kEnforcementColumns);
  const Query query{"operations_resolve", sql.c_str()};
  auto created = CreatedOf(session, resolution.key, false);
  if (!created.ok()) return created.status();
  // Again is as once: it may be repeated.
  auto rows = WriteRecord(session, true, [&] {
    return session.Run(query,
                       {resolution.key.id.ToString(), TimestampText(*created), domain::NameOf(resolution.status)});
  });
  if (!rows.ok()) return rows.status();
  if (!rows->empty()) return EnforcementFrom((*rows)[0]);
  auto current = GetEnforcement(session, {resolution.key.id, *created});
  if (!current.ok() || current->status == resolution.status) return current;
  return domain::StatusConflict("enforcement", resolution.key.id.ToString(), domain::NameOf(current->status),
                                domain::NameOf(domain::EnforcementStatus::kCreated));
}

absl::StatusOr<domain::Execution> MoveExecution(Session& session, const domain::Move& move) {
  // The first time that it runs, and when it ends.
  static const std::string sql = fmt::format(
      "UPDATE execution SET status = $4, worker_id = coalesce($5::uuid, worker_id), result = coalesce($6::jsonb, "
      "result), "
      "started_at = CASE WHEN $4 = 'running' THEN coalesce(started_at, clock_timestamp()) ELSE started_at END, "
      "finished_at = CASE WHEN $7::boolean THEN clock_timestamp() ELSE finished_at END "
      "WHERE id = $1::uuid AND created = $2::timestamptz AND status = $3 RETURNING {}",
      kExecutionColumns);
  const Query query{"operations_move", sql.c_str()};
  const std::string id = move.key.id.ToString();
  auto created = CreatedOf(session, move.key, true);
  if (!created.ok()) return created.status();
  if (domain::CanMove(move.expected, move.status)) {
    // Not again: a repeat could not tell its own success from that of somebody else.
    auto rows = WriteRecord(session, false, [&] {
      return session.Run(query,
                         {id, TimestampText(*created), domain::NameOf(move.expected), domain::NameOf(move.status),
                          TextOf(move.worker_id), move.result, domain::HasEnded(move.status) ? "true" : "false"});
    });
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) return ExecutionFrom((*rows)[0]);
  }
  auto current = GetExecution(session, {move.key.id, *created});
  if (!current.ok()) return current.status();
  if (current->status == move.expected) return domain::IllegalMove(id, current->status, move.status);
  return domain::StatusConflict("execution", id, domain::NameOf(current->status), domain::NameOf(move.expected));
}

}  // namespace eventstore::storage
