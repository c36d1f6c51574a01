#include "server/housekeeping/tasks/refresh_aggregates.h"

#include <string>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/housekeeping/annotated.h"
#include "server/housekeeping/tasks/refresh_records.h"
#include "server/storage/analytics/event_hours.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/cursor.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"
#include "server/storage/subscription_start.h"
#include "server/storage/transaction.h"

namespace eventstore::housekeeping {
namespace {

using domain::TimeMicros;
using storage::Chunk;
using storage::Query;
using storage::Session;

constexpr TimeMicros kHour = 3'600 * domain::kMicrosPerSecond;

constexpr Query kState{"hourly_state", "SELECT position FROM events_hourly_state"};
constexpr Query kAdvance{"hourly_advance", R"sql(
UPDATE events_hourly_state SET position = greatest(position, $1::bigint), refreshed_at = clock_timestamp()
)sql"};

constexpr Query kForget{"hourly_forget", "DELETE FROM events_hourly WHERE hour = ANY ($1::timestamptz[])"};

// {0}: the chunk, which holds the hours $1 wholly. By the index on the time, hour for hour.
constexpr char kCount[] = R"sql(
INSERT INTO events_hourly (hour, event_type, aggregate_type, events)
SELECT h.hour, c.event_type, c.aggregate_type, c.events
FROM unnest($1::timestamptz[]) h (hour)
CROSS JOIN LATERAL (SELECT e.event_type, e.aggregate_type, count(*) AS events FROM {0} e
                    WHERE e.timestamp >= h.hour AND e.timestamp < h.hour + interval '1 hour'
                    GROUP BY 1, 2) c
)sql";

// One hour that lies in several chunks.
constexpr char kCountAcross[] = R"sql(
INSERT INTO events_hourly (hour, event_type, aggregate_type, events)
SELECT $1::timestamptz, event_type, aggregate_type, count(*) FROM events_v2
WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz
GROUP BY 2, 3
)sql";

std::string Times(const std::vector<TimeMicros>& times) {
  storage::ArrayText text;
  for (const TimeMicros time : times) text.Add(storage::TimestampText(time));
  return text.Take();
}

// All of a chunk's hours in one transaction: whoever reads sees them from before or after.
absl::Status CountHours(Session& session, const Chunk& chunk, const std::vector<TimeMicros>& hours) {
  std::vector<TimeMicros> within;
  std::vector<TimeMicros> across;
  for (const TimeMicros hour : hours) {
    (hour >= chunk.range.from && hour + kHour <= chunk.range.to ? within : across).push_back(hour);
  }
  storage::Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  if (auto forgotten = session.Run(kForget, {Times(hours)}); !forgotten.ok()) return forgotten.status();
  auto counted = session.RunText(fmt::format(fmt::runtime(kCount), chunk.table), {Times(within)});
  if (!counted.ok()) return counted.status();
  for (const TimeMicros hour : across) {
    auto one = session.RunText(kCountAcross, {storage::TimestampText(hour), storage::TimestampText(hour + kHour)});
    if (!one.ok()) return one.status();
  }
  return transaction.Commit();
}

// events_hourly. False: it was stopped on the way.
absl::StatusOr<bool> RefreshEvents(TaskContext& context, TaskReport& report) {
  Session& session = context.session;
  storage::ChunkCatalog catalog;
  // Before the chunks are listed: what is settled now is in one of them. An event above it is counted with its hour, and
  // again next time, which does no harm.
  auto settled = storage::ReadWithRetries(catalog, [&] { return storage::ReadSettled(session, catalog); });
  if (!settled.ok()) return settled.status();
  auto state = session.Run(kState, {});
  if (!state.ok()) return state.status();
  const auto after = (*state)[0][0].as<domain::Position>();
  auto chunks = catalog.All(session);
  if (!chunks.ok()) return chunks.status();
  TimeMicros from = domain::TimeRange{}.to;
  if (context.parameters.from_days) {
    auto now = storage::DatabaseNow(session);
    if (!now.ok()) return now.status();
    from = *now - *now % domain::kMicrosPerDay + *context.parameters.from_days * domain::kMicrosPerDay;
  }
  std::int64_t& hours_counted = report.counts["hours_counted"];
  const auto total = static_cast<std::int64_t>((*chunks)->size());
  std::int64_t done = 0;
  for (const Chunk& chunk : **chunks) {
    if (context.stop()) return false;  // without the new position: the next run looks at these chunks again
    context.progress({"counting " + storage::TimestampText(chunk.range.from), done++, total});
    if (storage::NothingAfter(chunk, after) && chunk.range.to <= from) continue;
    auto hours = storage::ChangedEventHours(session, chunk, after, from);
    if (!hours.ok()) return hours.status();
    if (!hours->empty() && !context.parameters.dry_run) {
      absl::Status counted = CountHours(session, chunk, *hours);
      if (!counted.ok() && storage::SqlStateOf(counted) == "42P01") continue;  // dropped meanwhile
      if (!counted.ok()) return Annotated("cannot count the events of " + chunk.table, counted);
    }
    hours_counted += static_cast<std::int64_t>(hours->size());
    report.counts["chunks_changed"] += hours->empty() ? 0 : 1;
  }
  if (context.parameters.dry_run) return true;
  auto advanced = session.Run(kAdvance, {fmt::format("{}", settled->last)});
  if (!advanced.ok()) return advanced.status();
  return true;
}

}  // namespace

absl::StatusOr<TaskReport> RefreshAggregates::Run(TaskContext& context) {
  TaskReport report;
  auto whole = RefreshEvents(context, report);
  if (!whole.ok()) return whole.status();
  if (!*whole) return report;
  if (absl::Status records = RefreshRecords(context, report); !records.ok()) return records;
  const std::int64_t events = report.counts["hours_counted"];
  const std::int64_t records = report.counts["record_hours_counted"];
  report.summary =
      context.parameters.dry_run
          ? fmt::format("{} hours of events and {} of operational records would be counted anew, nothing was changed",
                        events, records)
          : fmt::format("{} hours of events and {} of operational records counted anew{}", events, records,
                        report.summary);
  return report;
}

}  // namespace eventstore::housekeeping
