#include "server/storage/operations/time_tables.h"

#include "fmt/format.h"
#include "server/storage/engines/engine.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

// What somebody dropped by hand is left out.
constexpr Query kTables{"time_tables", R"sql(
SELECT t.table_name, t.time_column, t.compress_by, t.compress_after_days, t.retention_days, i.edition
FROM time_tables t, store_identity i
WHERE to_regclass(format('public.%I', t.table_name)) IS NOT NULL
ORDER BY t.table_name
)sql"};

constexpr Query kNoteArchived{"time_tables_note_archived", R"sql(
INSERT INTO archived_rows (table_name, range_start, range_end, digest, file, rows)
VALUES ($1, $2::timestamptz, $3::timestamptz, $4, $5, $6::bigint)
ON CONFLICT (table_name, range_start, digest) DO UPDATE
    SET file = coalesce(excluded.file, archived_rows.file), archived_at = clock_timestamp(), dropped_at = NULL
)sql"};

constexpr Query kNoteDropped{"time_tables_note_dropped", R"sql(
WITH noted AS (
    UPDATE archived_rows SET dropped_at = clock_timestamp()
    WHERE table_name = $1 AND range_start = $2::timestamptz AND digest = $4
)
UPDATE time_tables SET dropped_before = greatest(dropped_before, $3::timestamptz) WHERE table_name = $1
)sql"};

std::optional<int> NumberOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<int>();
}

}  // namespace

absl::StatusOr<std::vector<TimeTable>> ReadTimeTables(Session& session) {
  auto engine = EngineOf(session);
  if (!engine.ok()) return engine.status();
  auto rows = session.Run(kTables, {});
  if (!rows.ok()) return rows.status();
  std::vector<TimeTable> tables;
  for (const auto& row : *rows) {
    tables.push_back({.name = row[0].c_str(),
                      .time_column = row[1].c_str(),
                      .compress_by = row[2].c_str(),
                      .compress_after_days = NumberOf(row[3]),
                      .retention_days = NumberOf(row[4]),
                      .partitions = (*engine)->partitions_of(row[5].c_str(), row[0].c_str())});
  }
  return tables;
}

absl::Status NoteArchived(Session& session, const ArchivedRows& rows) {
  const std::optional<std::string> file = rows.file.empty() ? std::nullopt : std::optional(rows.file);
  return session
      .Run(kNoteArchived, {rows.table, TimestampText(rows.range.from), TimestampText(rows.range.to), rows.rows.digest,
                           file, fmt::format("{}", rows.rows.events)})
      .status();
}

absl::Status NoteDropped(Session& session, const ArchivedRows& rows) {
  return session
      .Run(kNoteDropped, {rows.table, TimestampText(rows.range.from), TimestampText(rows.range.to), rows.rows.digest})
      .status();
}

}  // namespace eventstore::storage
