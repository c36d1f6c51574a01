#include "server/moving/move_facts.h"

#include "fmt/format.h"
#include "server/moving/legacy_locks.h"

namespace eventstore::moving {
namespace {

using storage::Query;
using storage::Session;

using domain::TimeMicros;

// Without a link its columns are NULL: quote_ident() takes that, and format('%I') would not.
const Query kFacts{"legacy_facts", R"sql(
SELECT coalesce(l.stage, 'none'), (extract(epoch FROM n.now) * 1000000)::bigint,
       (extract(epoch FROM l.installed_at) * 1000000)::bigint, (extract(epoch FROM c.at) * 1000000)::bigint,
       c.outcome = 'done',
       o.waiting, o.refused, o.held + f.held, f.failed, (SELECT count(*) FROM legacy_changes),
       l.stage = 'linked'
         AND to_regclass(quote_ident(l.legacy_schema) || '.' || quote_ident(l.legacy_table || '_legacy')) IS NOT NULL,
       l.stage NOT IN ('switched', 'closing')
         OR coalesce((SELECT relkind = 'v' FROM pg_class
                      WHERE oid = to_regclass(quote_ident(l.legacy_schema) || '.' || quote_ident(l.original_table))), false),
       CASE WHEN l.forwarded_at > l.switched_at THEN (extract(epoch FROM l.forwarded_at) * 1000000)::bigint END,
       coalesce(extract(epoch FROM n.now - o.oldest), 0), coalesce(e.error, ''),
       (SELECT coalesce(string_agg(DISTINCT pg_describe_object(d.classid, d.objid, 0), ', '), '') FROM pg_depend d
        WHERE d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
          AND d.refobjid = to_regclass(quote_ident(l.legacy_schema) || '.' || quote_ident(l.legacy_table)))
FROM (SELECT clock_timestamp() AS now) n
LEFT JOIN legacy_link l ON true
LEFT JOIN (SELECT at, outcome FROM cutover_log WHERE step = 'check' ORDER BY seq DESC LIMIT 1) c ON true
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE q.error IS NULL AND q.enabled) AS waiting,
           min(q.noted_at) FILTER (WHERE q.error IS NULL AND q.enabled) AS oldest,
           count(*) FILTER (WHERE q.error IS NOT NULL) AS refused,
           count(*) FILTER (WHERE q.error IS NULL AND NOT q.enabled) AS held
    FROM (SELECT error, noted_at, legacy_type_enabled(l, payload ->> l.type_column) AS enabled FROM legacy_outbox) q) o
CROSS JOIN (SELECT count(*) FILTER (WHERE error IS NOT NULL) AS failed, count(*) FILTER (WHERE error IS NULL) AS held
            FROM legacy_failed) f
LEFT JOIN (SELECT error FROM (SELECT error, noted_at FROM legacy_outbox WHERE error IS NOT NULL
                              UNION ALL SELECT error, noted_at FROM legacy_failed WHERE error IS NOT NULL) a
           ORDER BY noted_at DESC LIMIT 1) e ON true
)sql"};

const Query kForwarder{"legacy_forwarder", R"sql(
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = $1::oid AND objid = $2::oid AND granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
)sql"};

const Query kCompare{"legacy_compare", "SELECT * FROM legacy_compare(make_interval(secs => $1::integer))"};

struct Read {
  domain::MoveFacts facts;
  double lag_seconds = 0;
  std::string last_error;
};

absl::StatusOr<Read> ReadAll(Session& session) {
  auto rows = session.Run(kFacts, {});
  if (!rows.ok()) return rows.status();
  const auto row = (*rows)[0];
  Read read;
  domain::MoveFacts& facts = read.facts;
  facts.stage = domain::StageOf(row[0].c_str()).value_or(domain::MoveStage::kNone);
  facts.now = row[1].as<TimeMicros>();
  if (!row[2].is_null()) facts.installed_at = row[2].as<TimeMicros>();
  if (!row[3].is_null()) facts.check = {row[3].as<TimeMicros>(), row[4].as<bool>()};
  facts.waiting_rows = row[5].as<std::int64_t>();
  facts.refused_rows = row[6].as<std::int64_t>();
  facts.held_rows = row[7].as<std::int64_t>();
  facts.failed_events = row[8].as<std::int64_t>();
  facts.changed_rows = row[9].as<std::int64_t>();
  facts.new_name_taken = !row[10].is_null() && row[10].as<bool>();
  facts.view_in_place = row[11].is_null() || row[11].as<bool>();
  if (!row[12].is_null()) facts.last_old_write = row[12].as<TimeMicros>();
  read.lag_seconds = row[13].as<double>();
  read.last_error = row[14].c_str();
  facts.dependents = row[15].c_str();
  return read;
}

}  // namespace

absl::StatusOr<domain::MoveFacts> ReadMoveFacts(Session& session) {
  auto read = ReadAll(session);
  if (!read.ok()) return read.status();
  return read->facts;
}

std::int64_t DualWriteStatus::mismatches() const {
  std::int64_t count = facts.refused_rows + facts.failed_events + facts.changed_rows;
  for (const TypeComparison& type : types) count += type.missing_in_store + type.missing_in_legacy;
  return count;
}

absl::StatusOr<DualWriteStatus> ReadDualWriteStatus(Session& session, std::chrono::seconds window) {
  DualWriteStatus status;
  auto link = ReadLink(session);
  if (!link.ok()) return link.status();
  status.link = *std::move(link);
  auto read = ReadAll(session);
  if (!read.ok()) return read.status();
  status.facts = read->facts;
  status.lag_seconds = read->lag_seconds;
  status.last_error = read->last_error;
  auto running = session.Run(kForwarder, {std::to_string(kLegacyLockClass), std::to_string(kForwarderLock)});
  if (!running.ok()) return running.status();
  status.forwarder_running = (*running)[0][0].as<bool>();
  if (!status.link || status.facts.stage == domain::MoveStage::kDropped) return status;
  auto types = session.Run(kCompare, {fmt::format("{}", window.count())});
  if (!types.ok()) return types.status();
  for (const auto& row : *types) {
    status.types.push_back({row[0].c_str(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>(),
                            row[3].as<std::int64_t>(), row[4].as<std::int64_t>(), row[5].as<std::int64_t>()});
  }
  return status;
}

}  // namespace eventstore::moving
