#include "server/storage/analytics/rollups.h"

#include "fmt/format.h"
#include "server/domain/hour_ranges.h"
#include "server/storage/analytics/definitions.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;
using domain::TimeRange;

constexpr Query kSources{"rollup_sources", R"sql(
SELECT DISTINCT source FROM hourly_aggregates WHERE kind = 'rollup' ORDER BY source
)sql"};

// Retention sets dropped_before in the transaction that drops: it waits for us, or we see what it left.
constexpr Query kFrozen{"rollup_frozen", R"sql(
SELECT (extract(epoch FROM greatest(dropped_before, '0001-01-01Z')) * 1000000)::bigint
FROM time_tables WHERE table_name = $1 FOR SHARE
)sql"};

constexpr Query kTake{"rollup_take", R"sql(
WITH chosen AS (
    SELECT DISTINCT hour FROM hourly_changes WHERE source = $1 AND hour < $2::timestamptz ORDER BY hour LIMIT $3::integer
), taken AS (
    DELETE FROM hourly_changes c USING chosen WHERE c.source = $1 AND c.hour = chosen.hour RETURNING c.hour
)
SELECT DISTINCT (extract(epoch FROM hour) * 1000000)::bigint FROM taken ORDER BY 1
)sql"};

constexpr Query kChanged{"rollup_changed", R"sql(
SELECT count(DISTINCT hour) FROM hourly_changes WHERE source = $1 AND hour < $2::timestamptz
)sql"};

// oldest_chunk() is NULL where there is nothing.
constexpr Query kNoteAll{"rollup_note_all", R"sql(
INSERT INTO hourly_changes (source, hour)
SELECT $1, hour
FROM generate_series(date_trunc('hour', greatest($2::timestamptz, oldest_chunk($1)), 'UTC'), $3::timestamptz,
                     interval '1 hour') hour
WHERE hour < $3::timestamptz AND oldest_chunk($1) IS NOT NULL
)sql"};

constexpr Query kRefreshed{"rollup_refreshed", R"sql(
UPDATE hourly_aggregates SET refreshed_until = $2::timestamptz, refreshed_at = $3::timestamptz WHERE kind = $1
)sql"};

// {0}: the aggregate, {1}: its bucket.
constexpr char kForget[] = "DELETE FROM {0} WHERE {1} >= $1::timestamptz AND {1} < $2::timestamptz";

// {0}: the aggregate, {1}: its columns, {2}: what stands for them, {3}: the counter.
constexpr char kCount[] = "INSERT INTO {0} ({1}) SELECT {2} FROM {3}($1::timestamptz, $2::timestamptz)";

// Both in one transaction: whoever reads sees the hours from before or after.
absl::StatusOr<std::int64_t> Recount(Session& session, const HourlyDefinition& aggregate, const TimeRange& range) {
  const pq::Args bounds = {TimestampText(range.from), TimestampText(range.to)};
  auto forgotten = session.RunText(fmt::format(fmt::runtime(kForget), aggregate.name, aggregate.bucket), bounds);
  if (!forgotten.ok()) return forgotten.status();
  const bool status = aggregate.status != nullptr;
  const std::string columns = fmt::format("{}, {}{}{}, {}", aggregate.bucket, aggregate.ref, status ? ", " : "",
                                          status ? aggregate.status : "", aggregate.count);
  auto counted =
      session.RunText(fmt::format(fmt::runtime(kCount), aggregate.name, columns,
                                  status ? "bucket, ref, status, count" : "bucket, ref, count", aggregate.counter),
                      bounds);
  if (!counted.ok()) return counted.status();
  return static_cast<std::int64_t>(counted->affected_rows());
}

}  // namespace

absl::StatusOr<std::vector<std::string>> RollupSources(Session& session) {
  auto rows = session.Run(kSources, {});
  if (!rows.ok()) return rows.status();
  std::vector<std::string> sources;
  for (const auto& row : *rows) sources.emplace_back(row[0].c_str());
  return sources;
}

absl::StatusOr<CountedHours> CountChangedHours(Session& session, const std::string& source, TimeMicros until) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto dropped = session.Run(kFrozen, {source});
  if (!dropped.ok()) return dropped.status();
  const TimeMicros frozen_before = dropped->empty() ? domain::TimeRange{}.from : (*dropped)[0][0].as<TimeMicros>();
  auto taken = session.Run(kTake, {source, TimestampText(until), fmt::format("{}", kHoursAtOnce)});
  if (!taken.ok()) return taken.status();
  CountedHours result{.done = taken->size() < static_cast<std::size_t>(kHoursAtOnce)};
  std::vector<TimeMicros> hours;
  for (const auto& row : *taken) {
    const auto hour = row[0].as<TimeMicros>();
    if (hour < frozen_before) {
      ++result.frozen;
    } else {
      hours.push_back(hour);
    }
  }
  result.hours = static_cast<std::int64_t>(hours.size());
  // A day at once: the rows of one are in one chunk, or two.
  for (const TimeRange& range : domain::RangesOfHours(hours, 24)) {
    for (const HourlyDefinition& aggregate : HourlyDefinitions()) {
      if (aggregate.source != source) continue;
      auto rows = Recount(session, aggregate, range);
      if (!rows.ok()) return rows.status();
      result.rows += *rows;
    }
  }
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return result;
}

absl::StatusOr<std::int64_t> ChangedHours(Session& session, const std::string& source, TimeMicros until) {
  auto rows = session.Run(kChanged, {source, TimestampText(until)});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

absl::Status NoteAllHours(Session& session, const std::string& source, TimeMicros from, TimeMicros until) {
  return session.Run(kNoteAll, {source, TimestampText(from), TimestampText(until)}).status();
}

absl::Status SetRefreshed(Session& session, const std::string& kind, TimeMicros until, TimeMicros at) {
  return session.Run(kRefreshed, {kind, TimestampText(until), TimestampText(at)}).status();
}

}  // namespace eventstore::storage
