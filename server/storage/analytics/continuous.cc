#include "server/storage/analytics/continuous.h"

#include "server/domain/analytics.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kContinuous{"continuous_aggregates", R"sql(
SELECT name, source FROM hourly_aggregates WHERE kind = 'continuous' ORDER BY name
)sql"};

// Chunks begin at whole hours, or else their first hour may be gone in part and stays as it is. NULL: nothing is there.
constexpr Query kFirst{"continuous_first", R"sql(
SELECT first::text, first < $2::timestamptz, first < $2::timestamptz - interval '1 hour'
FROM (SELECT date_trunc('hour', greatest(t.dropped_before, oldest_chunk(t.table_name), $3::timestamptz)
                                + interval '1 hour' - interval '1 microsecond', 'UTC') AS first
      FROM time_tables t WHERE t.table_name = $1 AND oldest_chunk(t.table_name) IS NOT NULL) f
)sql"};

// Not with parameters that PostgreSQL has to guess the type of: they are declared "any".
constexpr Query kRefresh{
    "continuous_refresh",
    "CALL refresh_continuous_aggregate($1::regclass, $2::timestamptz, $3::timestamptz, $4::boolean)"};

}  // namespace

absl::StatusOr<std::vector<ContinuousAggregate>> ContinuousAggregates(Session& session) {
  auto rows = session.Run(kContinuous, {});
  if (!rows.ok()) return rows.status();
  std::vector<ContinuousAggregate> aggregates;
  for (const auto& row : *rows) aggregates.push_back({row[0].c_str(), row[1].c_str()});
  return aggregates;
}

absl::StatusOr<bool> RefreshContinuous(Session& session, const ContinuousAggregate& aggregate, domain::TimeMicros until,
                                       std::optional<domain::TimeMicros> all_from) {
  const std::string before = TimestampText(until);
  auto first =
      session.Run(kFirst, {aggregate.source, before, TimestampText(all_from.value_or(domain::TimeRange{}.from))});
  if (!first.ok()) return first.status();
  if (first->empty() || !(*first)[0][1].as<bool>()) return false;
  const char* from = (*first)[0][0].c_str();
  if (all_from && (*first)[0][2].as<bool>()) {
    // An hour less: with force TimescaleDB 2.19 counts the hour that the range ends with, too, and that one is not over.
    auto forced = session.Run(kRefresh, {aggregate.name, from, TimestampText(until - domain::kMicrosPerHour), "true"});
    if (!forced.ok()) return forced.status();
  }
  auto refreshed = session.Run(kRefresh, {aggregate.name, from, before, "false"});
  if (!refreshed.ok()) return refreshed.status();
  return true;
}

}  // namespace eventstore::storage
