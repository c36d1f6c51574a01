#include "server/storage/import/import_runs.h"

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

// "EVSI".
constexpr int kRunLockClass = 0x45565349;

constexpr Query kLock{"import_run_lock", "SELECT pg_try_advisory_lock($1::integer, hashtext($2))"};

// The parts may be a few batches apart. One without a row has written nothing.
constexpr Query kUnfinished{"import_run_unfinished", R"sql(
SELECT r.run, p.batch, p.time_us, p.id, (SELECT count(*) FROM migration_places a WHERE a.run = r.run)
FROM migration_runs r
LEFT JOIN LATERAL (
    SELECT batch, time_us, id FROM migration_places WHERE run = r.run ORDER BY batch LIMIT 1
) p ON true
WHERE r.source = $1 AND r.finished_at IS NULL
ORDER BY r.started_at DESC LIMIT 1
)sql"};

constexpr Query kBegin{"import_run_begin", "INSERT INTO migration_runs (run, source) VALUES ($1::uuid, $2)"};
constexpr Query kTouch{"import_run_touch",
                       "UPDATE migration_runs SET updated_at = clock_timestamp() WHERE run = $1::uuid"};
// Where all parts go on. Those that were ahead are set back: what they would count as their next batch may be another
// stretch of the source, when batches have another size now.
constexpr Query kAlign{"import_run_align", R"sql(
UPDATE migration_places SET batch = $2::bigint, time_us = $3::bigint, id = $4 WHERE run = $1::uuid
)sql"};

constexpr Query kFinish{"import_run_finish", R"sql(
UPDATE migration_runs SET updated_at = clock_timestamp(), finished_at = clock_timestamp() WHERE run = $1::uuid
)sql"};

constexpr Query kList{"import_run_list", R"sql(
SELECT r.run, r.source, to_char(r.started_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       to_char(r.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       coalesce(to_char(r.finished_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ''),
       coalesce(sum(p.events), 0), coalesce(sum(p.written), 0), coalesce(sum(p.already_there), 0),
       coalesce(sum(p.skipped), 0), coalesce(sum(p.clamped), 0)
FROM migration_runs r LEFT JOIN migration_places p USING (run)
GROUP BY r.run ORDER BY r.started_at DESC LIMIT $1::integer
)sql"};

// A repeated batch counts once.
const Prepared kPlace{"import_run_place", R"sql(
INSERT INTO migration_places AS p (run, part, batch, time_us, id, events, written, already_there, skipped, clamped)
VALUES ($1::uuid, $2, $3, CASE WHEN $4::boolean THEN $5 END, CASE WHEN $4::boolean THEN $6 END, $7, $8, $9, $10, $11)
ON CONFLICT (run, part) DO UPDATE
SET batch = excluded.batch, time_us = coalesce(excluded.time_us, p.time_us), id = coalesce(excluded.id, p.id),
    events = p.events + excluded.events, written = p.written + excluded.written,
    already_there = p.already_there + excluded.already_there, skipped = p.skipped + excluded.skipped,
    clamped = p.clamped + excluded.clamped
WHERE p.batch < excluded.batch
)sql"};

}  // namespace

absl::StatusOr<bool> ImportRuns::Lock(const std::string& source) {
  auto locked = session_.Run(kLock, {fmt::format("{}", kRunLockClass), source});
  if (!locked.ok()) return locked.status();
  return (*locked)[0][0].as<bool>();
}

absl::StatusOr<ImportRun> ImportRuns::Begin(const std::string& source, int parts, bool anew, const domain::Uuid& id) {
  if (!anew) {
    auto rows = session_.Run(kUnfinished, {source});
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) {
      const auto row = (*rows)[0];
      ImportRun run;
      run.id = domain::Uuid::Parse(row[0].c_str()).value_or(id);
      run.resumed = true;
      if (!row[1].is_null() && row[4].as<int>() >= parts) {
        run.batch = row[1].as<std::int64_t>();
        if (!row[2].is_null()) run.place = ImportPlace{row[2].as<domain::TimeMicros>(), row[3].c_str()};
      }
      // With more parts than it had, from the beginning: some of them have written nothing.
      const auto time = run.place ? std::optional(fmt::format("{}", run.place->time)) : std::nullopt;
      const auto place_id = run.place ? std::optional(run.place->id) : std::nullopt;
      auto aligned = session_.Run(kAlign, {run.id.ToString(), fmt::format("{}", run.batch), time, place_id});
      if (!aligned.ok()) return aligned.status();
      if (auto touched = session_.Run(kTouch, {run.id.ToString()}); !touched.ok()) return touched.status();
      return run;
    }
  }
  if (auto begun = session_.Run(kBegin, {id.ToString(), source}); !begun.ok()) return begun.status();
  return ImportRun{.id = id, .resumed = false, .batch = 0, .place = std::nullopt};
}

absl::Status ImportRuns::Finish(const domain::Uuid& run) { return session_.Run(kFinish, {run.ToString()}).status(); }

absl::StatusOr<std::vector<ImportRunSummary>> ImportRuns::List(int most) {
  auto rows = session_.Run(kList, {fmt::format("{}", most)});
  if (!rows.ok()) return rows.status();
  std::vector<ImportRunSummary> runs;
  for (const auto& row : *rows) {
    runs.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(), row[4].c_str(),
                    ImportCounts{row[5].as<std::int64_t>(), row[6].as<std::int64_t>(), row[7].as<std::int64_t>(),
                                 row[8].as<std::int64_t>(), row[9].as<std::int64_t>()}});
  }
  return runs;
}

ImportNote ImportRuns::PlaceNote(const domain::Uuid& run, int part, std::int64_t batch,
                                 const std::optional<ImportPlace>& place, const ImportCounts& counts) {
  Parameters parameters;
  parameters.AddText(run.ToString()).AddInt4(part).AddInt8(batch);
  parameters.AddText(place ? "t" : "f").AddInt8(place ? place->time : 0).AddText(place ? place->id : "");
  parameters.AddInt8(counts.events).AddInt8(counts.written).AddInt8(counts.already_there);
  parameters.AddInt8(counts.skipped).AddInt8(counts.clamped);
  return {kPlace, std::move(parameters)};
}

}  // namespace eventstore::storage
