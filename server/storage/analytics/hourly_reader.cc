#include "server/storage/analytics/hourly_reader.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/domain/hour_ranges.h"
#include "server/storage/analytics/definitions.h"
#include "server/storage/analytics/event_hours.h"
#include "server/storage/cursor.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::Bucket;
using domain::HourlyAnswer;
using domain::HourlyQuery;
using domain::HourlyState;
using domain::TimeMicros;
using domain::TimeRange;

// NULL where it was never refreshed. Of the domain's events the hour that was not over then is not whole.
constexpr Query kStates{"hourly_states", R"sql(
SELECT name, kind = 'continuous',
       CASE WHEN refreshed_at IS NOT NULL THEN (extract(epoch FROM refreshed_until) * 1000000)::bigint END,
       (extract(epoch FROM refreshed_at) * 1000000)::bigint, 0
FROM hourly_aggregates
UNION ALL
SELECT 'events_hourly', false, (extract(epoch FROM date_trunc('hour', refreshed_at, 'UTC')) * 1000000)::bigint,
       (extract(epoch FROM refreshed_at) * 1000000)::bigint, position
FROM events_hourly_state
ORDER BY 1
)sql"};

// How far its policy has come; NULL: nowhere. Those of TimescaleDB alone have one.
constexpr Query kWatermark{"hourly_watermark", R"sql(
SELECT CASE WHEN w.watermark > 0 THEN w.watermark END
FROM _timescaledb_catalog.continuous_agg a
JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = a.mat_hypertable_id
WHERE a.user_view_schema = 'public' AND a.user_view_name = $1
)sql"};

// Hours that changed after they were counted; those that retention has taken stay as they are.
constexpr Query kNoted{"hourly_noted", R"sql(
SELECT DISTINCT (extract(epoch FROM c.hour) * 1000000)::bigint
FROM hourly_changes c LEFT JOIN time_tables t ON t.table_name = c.source
WHERE c.source = $1 AND c.hour >= $2::timestamptz AND c.hour < $3::timestamptz
  AND c.hour >= coalesce(t.dropped_before, '-infinity')
ORDER BY 1
)sql"};

// One snapshot for what is asked about an aggregate and of it. TimescaleDB locks rows of its catalogue when it plans, so it
// is not read only.
class Snapshot {
 public:
  explicit Snapshot(Session& session) : session_(session) {}
  ~Snapshot() {
    if (open_) (void)session_.RunScript("ROLLBACK");
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  absl::Status Begin() {
    auto begun = session_.RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ");
    open_ = begun.ok();
    return begun.status();
  }

 private:
  Session& session_;
  bool open_ = false;
};

struct Standing {
  HourlyState state;
  domain::Position position = 0;  // of events_hourly
  std::optional<TimeMicros> watermark;
};

absl::StatusOr<std::vector<Standing>> ReadStandings(Session& session) {
  auto rows = session.Run(kStates, {});
  if (!rows.ok()) return rows.status();
  std::vector<Standing> standings;
  for (const auto& row : *rows) {
    Standing standing;
    standing.state.name = row[0].c_str();
    standing.state.continuous = row[1].as<bool>();
    standing.position = row[4].as<domain::Position>();
    if (!row[2].is_null()) standing.state.refreshed_until = row[2].as<TimeMicros>();
    if (!row[3].is_null()) standing.state.refreshed_at = row[3].as<TimeMicros>();
    if (standing.state.continuous) {
      auto watermark = session.Run(kWatermark, {standing.state.name});
      if (!watermark.ok()) return watermark.status();
      if (!watermark->empty() && !(*watermark)[0][0].is_null()) {
        standing.watermark = (*watermark)[0][0].as<TimeMicros>();
        standing.state.refreshed_until = std::max(standing.state.refreshed_until.value_or(0), *standing.watermark);
      }
    }
    standings.push_back(std::move(standing));
  }
  return standings;
}

absl::StatusOr<Standing> StandingOf(Session& session, const HourlyDefinition& aggregate) {
  auto standings = ReadStandings(session);
  if (!standings.ok()) return standings.status();
  const auto found = std::ranges::find(*standings, aggregate.name, [](const Standing& s) { return s.state.name; });
  if (found != standings->end()) return *found;
  return absl::InternalError(fmt::format("{} is not among the aggregates of this store", aggregate.name));
}

// What has to be counted of the rows themselves.
absl::StatusOr<std::vector<TimeRange>> LiveRanges(Session& session, ChunkCatalog& chunks,
                                                  const HourlyDefinition& aggregate, const Standing& standing,
                                                  const TimeRange& range) {
  if (standing.state.continuous) {
    const TimeRange rest{std::max(range.from, standing.watermark.value_or(range.from)), range.to};
    return rest.empty() ? std::vector<TimeRange>() : std::vector<TimeRange>{rest};
  }
  std::vector<TimeMicros> hours;
  if (aggregate.aggregate == domain::Aggregate::kDomainEventVolume) {
    auto changed = EventHoursAfter(session, chunks, standing.position, range);
    if (!changed.ok()) return changed.status();
    hours = *std::move(changed);
  } else {
    auto noted = session.Run(kNoted, {aggregate.source, TimestampText(range.from), TimestampText(range.to)});
    if (!noted.ok()) return noted.status();
    for (const auto& row : *noted) hours.push_back(row[0].as<TimeMicros>());
  }
  return domain::Joined(domain::RangesOfHours(hours, 1 << 20), kLiveRanges);
}

const char* BucketSql(Bucket bucket) {
  switch (bucket) {
    case Bucket::kHour:
      return "bucket";
    case Bucket::kDay:
      return "date_trunc('day', bucket, 'UTC')";
    case Bucket::kWhole:
      return "to_timestamp(0)";
  }
  return "bucket";
}

struct Statement {
  std::string sql;
  pq::Args args;

  // The parameter's number, as "$3".
  std::string Add(std::string value) {
    args.emplace_back(std::move(value));
    return fmt::format("${}", args.size());
  }
};

// Counts by bucket, ref and status, with what is to be counted live instead of what is stored there.
Statement Counts(const HourlyDefinition& aggregate, const HourlyQuery& query, const Standing& standing,
                 const std::vector<TimeRange>& live) {
  Statement s;
  TimeRange range = query.range;
  if (!query.include_recent) range.to = std::min(range.to, standing.state.refreshed_until.value_or(range.from));
  std::string rows = fmt::format(
      "SELECT {0} AS bucket, {1} AS ref, {2} AS status, {3} AS n FROM {4} WHERE {0} >= {5}::timestamptz AND {0} < "
      "{6}::timestamptz",
      aggregate.bucket, aggregate.ref, aggregate.status == nullptr ? "''" : aggregate.status, aggregate.count,
      aggregate.name, s.Add(TimestampText(range.from)), s.Add(TimestampText(range.to)));
  std::string counted;
  for (const TimeRange& part : live) {
    const std::string from = s.Add(TimestampText(part.from));
    const std::string to = s.Add(TimestampText(part.to));
    rows += fmt::format(" AND NOT ({0} >= {1}::timestamptz AND {0} < {2}::timestamptz)", aggregate.bucket, from, to);
    counted += fmt::format(" UNION ALL SELECT bucket, ref, status, count FROM {}({}::timestamptz, {}::timestamptz)",
                           aggregate.counter, from, to);
  }
  std::string where;
  const auto restrict = [&](const char* column, const std::vector<std::string>& values) {
    if (values.empty()) return;
    where +=
        fmt::format("{} {} = ANY ({}::text[])", where.empty() ? " WHERE" : " AND", column, s.Add(TextArray(values)));
  };
  restrict("ref", query.refs);
  restrict("status", query.statuses);
  s.sql =
      fmt::format("SELECT {} AS bucket, {} AS ref, {} AS status, sum(n)::bigint AS n FROM ({}{}) r{} GROUP BY 1, 2, 3",
                  BucketSql(query.bucket), query.sum_refs ? "''::text" : "ref",
                  query.sum_statuses ? "''::text" : "status", rows, counted, where);
  return s;
}

Statement ListStatement(Statement counts, const HourlyQuery& query) {
  std::string where;
  if (query.after) {
    where = fmt::format(
        "WHERE (bucket, ref COLLATE \"C\", status COLLATE \"C\") > ({}::timestamptz, {}::text, {}::text) ",
        counts.Add(TimestampText(query.after->bucket)), counts.Add(query.after->ref), counts.Add(query.after->status));
  }
  counts.sql = fmt::format(
      "SELECT (extract(epoch FROM bucket) * 1000000)::bigint, ref, status, n, 0, 0 FROM ({}) c {}"
      "ORDER BY bucket, ref COLLATE \"C\", status COLLATE \"C\" LIMIT {}::integer",
      counts.sql, where, counts.Add(fmt::format("{}", query.limit + 1)));
  return counts;
}

Statement MostStatement(Statement counts, const HourlyQuery& query) {
  counts.sql = fmt::format(
      "SELECT (extract(epoch FROM bucket) * 1000000)::bigint, ref, status, n, (sum(n) OVER ())::bigint, count(*) OVER "
      "() "
      "FROM ({}) c ORDER BY n DESC, ref COLLATE \"C\", status COLLATE \"C\" LIMIT {}::integer",
      counts.sql, counts.Add(fmt::format("{}", query.limit + 1)));
  return counts;
}

absl::StatusOr<HourlyAnswer> ReadOnce(Session& session, ChunkCatalog& chunks, const HourlyQuery& query, bool most) {
  Snapshot snapshot(session);
  if (absl::Status begun = snapshot.Begin(); !begun.ok()) return begun;
  const HourlyDefinition& aggregate = DefinitionOf(query.aggregate);
  auto standing = StandingOf(session, aggregate);
  if (!standing.ok()) return standing.status();
  std::vector<TimeRange> live;
  if (query.include_recent) {
    auto ranges = LiveRanges(session, chunks, aggregate, *standing, query.range);
    if (!ranges.ok()) return ranges.status();
    live = *std::move(ranges);
  }
  Statement counts = Counts(aggregate, query, *standing, live);
  const Statement s = most ? MostStatement(std::move(counts), query) : ListStatement(std::move(counts), query);
  auto rows = session.RunText(s.sql, s.args);
  if (!rows.ok()) return rows.status();
  HourlyAnswer answer;
  answer.state = standing->state;
  for (const auto& row : *rows) {
    answer.total = row[4].as<std::int64_t>();
    answer.keys = row[5].as<std::int64_t>();
    if (answer.points.size() == static_cast<std::size_t>(query.limit)) {
      answer.more = true;
      break;
    }
    answer.points.push_back({{row[0].as<TimeMicros>(), row[1].c_str(), row[2].c_str()}, row[3].as<std::int64_t>()});
  }
  return answer;
}

}  // namespace

absl::StatusOr<HourlyAnswer> ReadHourly(Session& session, ChunkCatalog& chunks, const HourlyQuery& query) {
  return ReadWithRetries(chunks, [&] { return ReadOnce(session, chunks, query, false); });
}

absl::StatusOr<HourlyAnswer> ReadMost(Session& session, ChunkCatalog& chunks, const HourlyQuery& query) {
  return ReadWithRetries(chunks, [&] { return ReadOnce(session, chunks, query, true); });
}

absl::StatusOr<std::vector<HourlyState>> ReadHourlyStates(Session& session) {
  auto standings = ReadStandings(session);
  if (!standings.ok()) return standings.status();
  std::vector<HourlyState> states;
  for (auto& standing : *standings) states.push_back(std::move(standing.state));
  return states;
}

}  // namespace eventstore::storage
