#include "tools/eventctl/moving/compare.h"

#include <fmt/format.h>

#include <utility>

#include "server/storage/chunk_catalog.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::eventctl {
namespace {

constexpr int kRowsAtOnce = 2'000;

constexpr char kMakeTables[] = R"sql(
SET idle_in_transaction_session_timeout = 0;
SET work_mem = '64MB';
CREATE TEMPORARY TABLE moved_source (id uuid, aggregate_id uuid, event_type text, day date, digest bytea);
CREATE TEMPORARY TABLE moved_target (LIKE moved_source)
)sql";

// Each id once, so that a join does not multiply events.
constexpr char kIndexIds[] = R"sql(
CREATE TEMPORARY TABLE moved_ids AS SELECT DISTINCT id FROM moved_source;
CREATE INDEX ON moved_ids (id);
ANALYZE moved_ids
)sql";

// {0}..{4}: id, type, user, microseconds, data.
constexpr char kDigest[] = "sha256(convert_to(jsonb_build_array({0}, {1}, {2}, {3}, {4})::text, 'UTF8'))";

std::string SourceSql() {
  return fmt::format(R"sql(
INSERT INTO moved_source
SELECT id, aggregate_id, event_type, (to_timestamp(0) + us * interval '1 microsecond')::date, {}
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[], $6::jsonb[])
     AS n(id, aggregate_id, event_type, user_id, us, data)
)sql",
                     fmt::format(kDigest, "id", "event_type", "user_id", "us", "data"));
}

// {chunk}. $1: the legacy table; $2, $3: the span of what is no row of the source. The session's time zone is UTC.
std::string TargetSql(const std::string& chunk) {
  return fmt::format(R"sql(
INSERT INTO moved_target
SELECT id, aggregate_id, event_type, own_time::date, {digest}
FROM (SELECT e.*, coalesce(c.original_timestamp, e.timestamp) AS own_time, m.id IS NOT NULL AS moved
      FROM {chunk} e LEFT JOIN import_clamped c ON c.event_id = e.id LEFT JOIN moved_ids m ON m.id = e.id) e
WHERE moved OR (metadata ->> 'legacy_table' = $1 AND metadata ? 'legacy_id'
                AND own_time >= $2::timestamptz AND own_time < $3::timestamptz)
)sql",
                     fmt::arg("chunk", chunk),
                     fmt::arg("digest", fmt::format(kDigest, "id", "event_type", "user_id",
                                                    "(extract(epoch FROM own_time) * 1000000)::bigint", "data")));
}

constexpr char kGroups[] = R"sql(
WITH s AS (SELECT aggregate_id, event_type, day, count(*) AS n, sha256(string_agg(digest, '' ORDER BY digest)) AS d
           FROM moved_source GROUP BY 1, 2, 3),
     t AS (SELECT aggregate_id, event_type, day, count(*) AS n, sha256(string_agg(digest, '' ORDER BY digest)) AS d
           FROM moved_target GROUP BY 1, 2, 3),
     both_sides AS (SELECT aggregate_id, event_type, day, coalesce(s.n, 0) AS source, coalesce(t.n, 0) AS target,
                           s.d IS DISTINCT FROM t.d AS differs
                    FROM s FULL JOIN t USING (aggregate_id, event_type, day)),
     counted AS (SELECT count(*) AS groups, count(*) FILTER (WHERE differs) AS differing FROM both_sides)
SELECT c.groups, c.differing, b.aggregate_id, b.event_type, b.day, b.source, b.target
FROM counted c
LEFT JOIN LATERAL (SELECT * FROM both_sides WHERE differs ORDER BY day, aggregate_id, event_type LIMIT $1::integer) b
       ON true
)sql";

constexpr char kEvents[] = R"sql(
SELECT count(*) OVER (), coalesce(s.id, t.id),
       CASE WHEN t.id IS NULL THEN 'missing in the store' WHEN s.id IS NULL THEN 'not in the source' ELSE 'differs' END
FROM moved_source s FULL JOIN moved_target t ON t.id = s.id
WHERE s.digest IS DISTINCT FROM t.digest OR s.aggregate_id IS DISTINCT FROM t.aggregate_id
ORDER BY coalesce(s.day, t.day), 2 LIMIT $1::integer
)sql";

class Comparison {
 public:
  Comparison(const std::string& store, LegacySource& source, const RowMapper& mapper, const CompareOptions& options)
      : session_(store, "verify migration"), source_(source), mapper_(mapper), options_(options) {}

  using Progress = std::function<void(const std::string&, std::int64_t)>;

  absl::StatusOr<CompareReport> Run(const Progress& progress) {
    if (auto made = session_.RunScript(kMakeTables); !made.ok()) return made.status();
    if (absl::Status read = ReadSource(progress); !read.ok()) return read;
    if (auto indexed = session_.RunScript(kIndexIds); !indexed.ok()) return indexed.status();
    if (absl::Status read = ReadTarget(progress); !read.ok()) return read;
    if (absl::Status joined = Join(); !joined.ok()) return joined;
    return std::move(report_);
  }

 private:
  absl::Status ReadSource(const Progress& progress) {
    if (absl::Status sought = source_.Seek(std::nullopt, true); !sought.ok()) return sought;
    for (;;) {
      auto rows = source_.Next(kRowsAtOnce);
      if (!rows.ok()) return rows.status();
      if (rows->empty()) return absl::OkStatus();
      storage::ArrayText ids, aggregates, types, users, times, data;
      for (const SourceRow& row : *rows) {
        const MappedRow mapped = mapper_.Map(row, {});
        if (!mapped.event) {
          ++report_.refused_rows;
          continue;
        }
        ++report_.source_rows;
        const domain::NewEvent& event = mapped.event->event;
        ids.AddPlain(event.id.ToString());
        aggregates.AddPlain(mapped.event->aggregate_id.ToString());
        types.Add(event.event_type);
        if (event.user_id.empty()) {
          users.AddNull();
        } else {
          users.Add(event.user_id);
        }
        times.AddPlain(mapped.event->timestamp);
        data.Add(event.data);
      }
      auto inserted = session_.RunText(
          SourceSql(), {ids.Take(), aggregates.Take(), types.Take(), users.Take(), times.Take(), data.Take()});
      if (!inserted.ok()) return inserted.status();
      progress("source", report_.source_rows + report_.refused_rows);
    }
  }

  absl::Status ReadTarget(const Progress& progress) {
    storage::ChunkCatalog catalog;
    auto chunks = catalog.All(session_);
    if (!chunks.ok()) return chunks.status();
    std::int64_t done = 0;
    for (const storage::Chunk& chunk : **chunks) {
      auto inserted = session_.RunText(
          TargetSql(chunk.table), {mapper_.table(), storage::TimestampText(options_.since.value_or(domain::kMinTime)),
                                   storage::TimestampText(options_.until.value_or(domain::kMaxTime + 1))});
      // Dropped since it was listed: what it held is missing.
      if (!inserted.ok() && storage::SqlStateOf(inserted.status()) != "42P01") return inserted.status();
      progress("store, chunk", ++done);
    }
    auto count = session_.RunText("SELECT count(*) FROM moved_target", {});
    if (!count.ok()) return count.status();
    report_.target_rows = (*count)[0][0].as<std::int64_t>();
    return absl::OkStatus();
  }

  absl::Status Join() {
    const std::string most = fmt::format("{}", options_.most);
    auto groups = session_.RunText(kGroups, {most});
    if (!groups.ok()) return groups.status();
    for (const auto& row : *groups) {
      report_.groups = row[0].as<std::int64_t>();
      report_.differing_groups = row[1].as<std::int64_t>();
      if (row[2].is_null()) continue;
      report_.difference.push_back(
          {row[2].c_str(), row[3].c_str(), row[4].c_str(), row[5].as<std::int64_t>(), row[6].as<std::int64_t>()});
    }
    auto events = session_.RunText(kEvents, {most});
    if (!events.ok()) return events.status();
    for (const auto& row : *events) {
      report_.differing_events = row[0].as<std::int64_t>();
      report_.events.push_back({row[1].c_str(), row[2].c_str()});
    }
    return absl::OkStatus();
  }

  storage::Session session_;
  LegacySource& source_;
  const RowMapper& mapper_;
  const CompareOptions options_;
  CompareReport report_;
};

}  // namespace

absl::StatusOr<CompareReport> Compare(const std::string& store, LegacySource& source, const RowMapper& mapper,
                                      const CompareOptions& options,
                                      const std::function<void(const std::string&, std::int64_t)>& progress) {
  return storage::Caught([&] { return Comparison(store, source, mapper, options).Run(progress); });
}

}  // namespace eventstore::eventctl
