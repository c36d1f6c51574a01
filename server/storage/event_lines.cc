#include "server/storage/event_lines.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

// {0}: a table, {1}: which of its rows.
constexpr char kLines[] = R"sql(
SELECT row_to_json(r)::text AS line, r.global_position
FROM (SELECT id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version, causation_id,
             correlation_id, source, global_position
      FROM {0} e WHERE {1}) r
)sql";

// {}: lines.
constexpr char kDigest[] = R"sql(
SELECT count(*), coalesce(min(global_position), 0), coalesce(max(global_position), 0),
       encode(sha256(coalesce(string_agg(sha256(convert_to(line, 'UTF8')), ''::bytea ORDER BY global_position), '')),
              'hex')
FROM ({}) l
)sql";

constexpr char kSelected[] = "e.aggregate_id IN (SELECT aggregate_id FROM retention_selection)";

// {}: the chunk. $1: types; $2: where its range starts. What an older chunk holds, the directory knows: it has a row for
// each aggregate, but for the chunk of its first event, which its head names; and there too when that chunk has given
// up some of what it held.
constexpr char kSelect[] = R"sql(
INSERT INTO retention_selection
SELECT e.aggregate_id
FROM {} e LEFT JOIN aggregate_heads h ON h.aggregate_id = e.aggregate_id
GROUP BY e.aggregate_id, h.first_timestamp
HAVING bool_and(e.aggregate_type = ANY ($1::text[]))
   AND NOT EXISTS (SELECT FROM chunk_aggregates a
                   WHERE a.aggregate_id = e.aggregate_id AND a.range_start < $2::timestamptz
                     AND NOT EXISTS (SELECT FROM retention_noted n WHERE n.aggregate_id = a.aggregate_id
                                                                     AND n.range_start = a.range_start))
   AND NOT EXISTS (SELECT FROM closed_chunks c
                   WHERE c.range_start <= h.first_timestamp AND c.range_end > h.first_timestamp
                     AND c.range_start < $2::timestamptz
                     AND NOT EXISTS (SELECT FROM retention_noted n WHERE n.aggregate_id = e.aggregate_id
                                                                     AND n.range_start = c.range_start)
                     AND NOT EXISTS (SELECT FROM archived_chunks g WHERE g.gone AND g.range_start < c.range_end
                                                                     AND g.range_end > c.range_start))
)sql";

constexpr char kSelectionTables[] = R"sql(
CREATE TEMPORARY TABLE IF NOT EXISTS retention_selection (aggregate_id uuid PRIMARY KEY);
CREATE TEMPORARY TABLE IF NOT EXISTS retention_noted (aggregate_id uuid, range_start timestamptz,
                                                      PRIMARY KEY (aggregate_id, range_start));
TRUNCATE retention_selection, retention_noted
)sql";

constexpr Query kNote{"retention_note", R"sql(
INSERT INTO retention_noted SELECT aggregate_id, $1::timestamptz FROM retention_selection
)sql"};

// restoring: what comes back is no news to a legacy table (migrations/0026).
constexpr char kRestoreTable[] =
    "SET LOCAL eventstore.restoring = 'on'; "
    "CREATE TEMPORARY TABLE archive_rows (LIKE events_v2 INCLUDING DEFAULTS) ON COMMIT DROP";

constexpr Query kAdd{"archive_add", R"sql(
INSERT INTO archive_rows (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                          causation_id, correlation_id, source, global_position)
SELECT (l->>'id')::uuid, (l->>'timestamp')::timestamptz, (l->>'aggregate_id')::uuid, l->>'aggregate_type',
       l->>'event_type', l->>'user_id', (l->'data')::text::jsonb, (l->'metadata')::text::jsonb,
       (l->>'version')::integer, (l->>'causation_id')::uuid, (l->>'correlation_id')::uuid, l->>'source',
       (l->>'global_position')::bigint
FROM (SELECT line::json AS l FROM unnest($1::text[]) AS t(line)) lines
)sql"};

constexpr char kMove[] = R"sql(
WITH moved AS (
    INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                           causation_id, correlation_id, source, global_position)
    SELECT id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version, causation_id,
           correlation_id, source, global_position
    FROM archive_rows ORDER BY global_position
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT count(*) FROM moved
)sql";

constexpr char kBounds[] = "SELECT min(timestamp), max(timestamp) FROM archive_rows";

// $1, $2: kBounds, as values: else every chunk would be opened.
constexpr char kStored[] =
    "e.timestamp >= $1::timestamptz AND e.timestamp <= $2::timestamptz "
    "AND EXISTS (SELECT FROM archive_rows a WHERE a.id = e.id AND a.timestamp = e.timestamp)";

// Fetched at once: as many as fill about this much, from what the last ones had.
constexpr std::size_t kFetchBytes = 1 << 20;
constexpr int kFirstRows = 64;
constexpr int kMostRows = 4'096;

std::string ConditionOf(const EventRows& rows) { return rows.selected ? kSelected : "true"; }

absl::StatusOr<EventDigest> DigestLines(Session& session, const std::string& lines, const pq::Args& args) {
  auto result = session.RunText(fmt::format(kDigest, lines), args);
  if (!result.ok()) return result.status();
  const auto row = (*result)[0];
  return EventDigest{row[0].as<std::int64_t>(), row[1].as<std::int64_t>(), row[2].as<std::int64_t>(), row[3].c_str()};
}

absl::StatusOr<EventDigest> Digest(Session& session, const std::string& table, const std::string& condition,
                                   const pq::Args& args) {
  return DigestLines(session, fmt::format(kLines, table, condition), args);
}

// Of a table: its columns, quoted, and those of its primary key.
constexpr Query kShape{"archive_shape", R"sql(
SELECT array_agg(a.attname::text ORDER BY a.attnum), string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
       (SELECT string_agg(quote_ident(k.attname), ', ' ORDER BY array_position(i.indkey::int2[], k.attnum))
        FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)
        WHERE i.indrelid = r.oid AND i.indisprimary)
FROM (SELECT format('public.%I', $1::text)::regclass::oid AS oid) r
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
GROUP BY r.oid
)sql"};

// {0}: columns; {1}: of the primary key; {2}: the chunk.
constexpr char kTableLines[] = R"sql(
SELECT row_to_json(r)::text AS line, r.archive_line AS global_position
FROM (SELECT {0}, row_number() OVER (ORDER BY {1}) AS archive_line FROM {2} e) r
)sql";

}  // namespace

absl::StatusOr<TableLines> LinesOf(Session& session, const std::string& table, const std::string& chunk) {
  auto shape = session.Run(kShape, {table});
  if (!shape.ok()) return shape.status();
  const auto row = (*shape)[0];
  return TableLines{fmt::format(kTableLines, row[1].c_str(), row[2].c_str(), chunk), ParseTextArray(row[0].c_str())};
}

absl::StatusOr<EventDigest> DigestOf(Session& session, const TableLines& lines) {
  return DigestLines(session, lines.sql, {});
}

absl::StatusOr<EventDigest> DigestOf(Session& session, const EventRows& rows) {
  return Digest(session, rows.table, ConditionOf(rows), {});
}

absl::StatusOr<std::vector<TypeCount>> CountTypes(Session& session, const EventRows& rows) {
  auto result = session.RunText(fmt::format("SELECT aggregate_type, count(*) FROM {} e WHERE {} GROUP BY 1 ORDER BY 1",
                                            rows.table, ConditionOf(rows)),
                                {});
  if (!result.ok()) return result.status();
  std::vector<TypeCount> counts;
  for (const auto& row : *result) counts.push_back({row[0].c_str(), row[1].as<std::int64_t>()});
  return counts;
}

absl::Status SelectOver(Session& session, const std::string& table, const domain::TimeRange& range,
                        const std::vector<std::string>& types) {
  if (auto emptied = session.RunScript("TRUNCATE retention_selection"); !emptied.ok()) return emptied.status();
  return session.RunText(fmt::format(kSelect, table), {TextArray(types), TimestampText(range.from)}).status();
}

absl::Status NoteSelected(Session& session, const domain::TimeRange& range) {
  return session.Run(kNote, {TimestampText(range.from)}).status();
}

absl::Status ForgetSelections(Session& session) { return session.RunScript(kSelectionTables).status(); }

absl::Status DeleteSelected(Session& session, const std::string& table) {
  return session.RunText(fmt::format("DELETE FROM {} e WHERE {}", table, kSelected), {}).status();
}

EventLineReader::~EventLineReader() {
  if (open_ && session_.connected() && !session_.RunScript("ROLLBACK").ok()) session_.Disconnect();
}

absl::Status EventLineReader::Open(const EventRows& rows) {
  return OpenSql(fmt::format(kLines, rows.table, ConditionOf(rows)));
}

absl::Status EventLineReader::OpenSql(const std::string& lines) {
  auto opened = session_.RunScript(fmt::format(
      "BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE archive_lines NO SCROLL CURSOR FOR {} ORDER BY global_position",
      lines));
  open_ = true;
  rows_ = kFirstRows;
  return opened.status();
}

absl::StatusOr<std::vector<std::string>> EventLineReader::Next() {
  auto fetched = session_.RunScript(fmt::format("FETCH {} FROM archive_lines", rows_));
  if (!fetched.ok()) return fetched.status();
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  for (const auto& row : *fetched) {
    lines.emplace_back(row[0].c_str(), static_cast<std::size_t>(row[0].size()));
    bytes += lines.back().size();
  }
  if (lines.empty()) {
    open_ = false;
    if (auto ended = session_.RunScript("COMMIT"); !ended.ok()) return ended.status();
    return lines;
  }
  const std::size_t row_bytes = bytes / lines.size() + 1;
  rows_ = std::clamp(static_cast<int>(kFetchBytes / row_bytes), 1, std::min(rows_ * 2, kMostRows));
  return lines;
}

absl::Status EventLineWriter::Begin() { return session_.RunScript(kRestoreTable).status(); }

absl::Status EventLineWriter::Add(const std::vector<std::string>& lines) {
  return session_.Run(kAdd, {TextArray(lines)}).status();
}

absl::StatusOr<EventLineWriter::Result> EventLineWriter::Finish() {
  if (auto analyzed = session_.RunScript("CREATE INDEX ON archive_rows (id); ANALYZE archive_rows"); !analyzed.ok()) {
    return analyzed.status();
  }
  auto moved = session_.RunScript(kMove);
  if (!moved.ok()) return moved.status();
  Result result;
  result.inserted = (*moved)[0][0].as<std::int64_t>();
  auto bounds = session_.RunScript(kBounds);
  if (!bounds.ok()) return bounds.status();
  const auto range = (*bounds)[0];
  auto stored = range[0].is_null() ? Digest(session_, "archive_rows", "true", {})
                                   : Digest(session_, "events_v2", kStored, {range[0].c_str(), range[1].c_str()});
  if (!stored.ok()) return stored.status();
  result.stored = *std::move(stored);
  return result;
}

}  // namespace eventstore::storage
