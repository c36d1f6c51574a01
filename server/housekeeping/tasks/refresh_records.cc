#include "server/housekeeping/tasks/refresh_records.h"

#include <optional>
#include <string>

#include "fmt/format.h"
#include "server/domain/analytics.h"
#include "server/housekeeping/annotated.h"
#include "server/storage/analytics/continuous.h"
#include "server/storage/analytics/rollups.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/sql_errors.h"

namespace eventstore::housekeeping {
namespace {

using domain::TimeMicros;

constexpr int kDeadlocks = 5;

struct ArchiveUnlock {
  ~ArchiveUnlock() { storage::UnlockArchive(session); }
  storage::Session& session;
};

struct Span {
  TimeMicros now = 0;
  TimeMicros until = 0;                               // the hour that is not over
  std::optional<TimeMicros> all_from = std::nullopt;  // every hour from then on is counted
};

absl::StatusOr<Span> SpanOf(TaskContext& context) {
  auto now = storage::DatabaseNow(context.session);
  if (!now.ok()) return now.status();
  Span span{.now = *now, .until = *now - *now % domain::kMicrosPerHour};
  if (context.parameters.from_days) {
    span.all_from = *now - *now % domain::kMicrosPerDay + *context.parameters.from_days * domain::kMicrosPerDay;
  }
  return span;
}

// One source until none of its hours is left.
absl::Status CountSource(TaskContext& context, const std::string& source, const Span& span, TaskReport& report) {
  if (span.all_from) {
    absl::Status noted = storage::NoteAllHours(context.session, source, *span.all_from, span.until);
    if (!noted.ok()) return noted;
  }
  int deadlocks = 0;
  for (bool done = false; !done && !context.stop();) {
    auto counted = storage::CountChangedHours(context.session, source, span.until);
    // With a drop of the chunk that it reads: afterwards these hours are frozen.
    if (!counted.ok() && storage::SqlStateOf(counted.status()) == "40P01" && ++deadlocks < kDeadlocks) continue;
    if (!counted.ok()) return counted.status();
    done = counted->done;
    report.counts["record_hours_counted"] += counted->hours;
    report.counts["record_hours_frozen"] += counted->frozen;
    context.progress({"counting hours of " + source, report.counts["record_hours_counted"], 0});
  }
  return absl::OkStatus();
}

absl::Status RefreshRollups(TaskContext& context, const Span& span, TaskReport& report) {
  auto sources = storage::RollupSources(context.session);
  if (!sources.ok()) return sources.status();
  for (const std::string& source : *sources) {
    if (context.parameters.dry_run) {
      auto changed = storage::ChangedHours(context.session, source, span.until);
      if (!changed.ok()) return changed.status();
      report.counts["record_hours_counted"] += *changed;
      continue;
    }
    absl::Status counted = CountSource(context, source, span, report);
    if (!counted.ok()) return Annotated("cannot count the hours of " + source, counted);
  }
  if (sources->empty() || context.parameters.dry_run || context.stop()) return absl::OkStatus();
  return storage::SetRefreshed(context.session, "rollup", span.until, span.now);
}

absl::Status RefreshAllContinuous(TaskContext& context, const Span& span, TaskReport& report) {
  auto aggregates = storage::ContinuousAggregates(context.session);
  if (!aggregates.ok()) return aggregates.status();
  if (aggregates->empty() || context.parameters.dry_run) return absl::OkStatus();
  // While nobody drops chunks.
  auto free = storage::TryLockArchive(context.session);
  if (!free.ok()) return free.status();
  if (!*free) {
    report.summary += "; retention runs, so that late operational records are counted next time";
    return absl::OkStatus();
  }
  const ArchiveUnlock unlock{context.session};
  for (const auto& aggregate : *aggregates) {
    if (context.stop()) return absl::OkStatus();
    context.progress({"refreshing " + aggregate.name, report.counts["continuous_aggregates_refreshed"],
                      static_cast<std::int64_t>(aggregates->size())});
    auto refreshed = storage::RefreshContinuous(context.session, aggregate, span.until, span.all_from);
    if (!refreshed.ok()) return Annotated("cannot refresh " + aggregate.name, refreshed.status());
    report.counts["continuous_aggregates_refreshed"] += *refreshed ? 1 : 0;
  }
  return storage::SetRefreshed(context.session, "continuous", span.until, span.now);
}

}  // namespace

absl::Status RefreshRecords(TaskContext& context, TaskReport& report) {
  auto span = SpanOf(context);
  if (!span.ok()) return span.status();
  report.counts["record_hours_counted"] += 0;
  if (absl::Status rollups = RefreshRollups(context, *span, report); !rollups.ok()) return rollups;
  return RefreshAllContinuous(context, *span, report);
}

}  // namespace eventstore::housekeeping
