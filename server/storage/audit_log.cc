#include "server/storage/audit_log.h"

#include <string>

#include "fmt/format.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

constexpr Query kAdd = {"audit_add",
                        "INSERT INTO audit_log (call, identity, credential, peer, action, target, outcome, detail) "
                        "VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8::jsonb)"};

// $1: how many.
constexpr char kList[] =
    "SELECT id, (extract(epoch FROM at) * 1000000)::bigint, call, identity, credential, peer, action, target, outcome, "
    "detail FROM audit_log a "
    "WHERE (outcome <> 'begun' OR NOT EXISTS (SELECT FROM audit_log e WHERE e.call = a.call AND e.outcome <> 'begun'))";

constexpr Query kForget = {"audit_forget", "SELECT audit_log_forget($1::timestamptz)"};
constexpr Query kCountOld = {
    "audit_count_old",
    "SELECT count(*) FROM audit_log WHERE at < least($1::timestamptz, clock_timestamp() - interval '1 day')"};

}  // namespace

absl::Status AddAudit(Session& session, const domain::AuditRecord& record) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto added = session.Run(kAdd, {record.call.ToString(), record.identity, record.credential, record.peer,
                                  record.action, record.target, record.outcome, record.detail});
  if (!added.ok()) return added.status();
  return transaction.Commit();
}

absl::StatusOr<std::vector<domain::AuditRecord>> ListAudit(Session& session, const domain::AuditQuery& query) {
  pq::Args args = {fmt::format("{}", query.page_size + 1)};
  std::string sql = kList;
  const auto add = [&](const char* condition, const std::string& value) {
    args.emplace_back(value);
    sql += fmt::format(fmt::runtime(condition), args.size());
  };
  if (query.since) add(" AND at >= ${}::timestamptz", TimestampText(*query.since));
  if (!query.identity.empty()) add(" AND identity = ${}", query.identity);
  if (!query.action.empty()) add(" AND action = ${}", query.action);
  if (query.before > 0) add(" AND id < ${}::bigint", fmt::format("{}", query.before));
  auto rows = session.RunText(sql + " ORDER BY id DESC LIMIT $1::integer", args);
  if (!rows.ok()) return rows.status();
  std::vector<domain::AuditRecord> records;
  for (const auto& row : *rows) {
    domain::AuditRecord record;
    record.id = row[0].as<std::int64_t>();
    record.at = row[1].as<std::int64_t>();
    record.call = domain::Uuid::Parse(row[2].c_str()).value_or(domain::Uuid{});
    record.identity = row[3].c_str();
    record.credential = row[4].c_str();
    record.peer = row[5].c_str();
    record.action = row[6].c_str();
    record.target = row[7].c_str();
    record.outcome = row[8].c_str();
    record.detail = row[9].c_str();
    records.push_back(std::move(record));
  }
  return records;
}

absl::StatusOr<std::int64_t> PruneAudit(Session& session, domain::TimeMicros before, bool dry_run) {
  auto rows = session.Run(dry_run ? kCountOld : kForget, {TimestampText(before)});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

}  // namespace eventstore::storage
