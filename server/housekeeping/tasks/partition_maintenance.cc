#include "server/housekeeping/tasks/partition_maintenance.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/housekeeping/annotated.h"
#include "server/housekeeping/partition_summary.h"
#include "server/storage/engines/timescale_policies.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/operations/time_tables.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::housekeeping {
namespace {

constexpr int kFromDays = -1;
constexpr int kToDays = 30;

// Which table took it. Rolled back, always.
constexpr storage::Query kTestInsert{"partition_test_insert", R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                       global_position)
VALUES (gen_random_uuid(), clock_timestamp(), gen_random_uuid(), 'system', 'housekeeper.test', '{}', '{}', 1,
        'housekeeper', 0)
RETURNING tableoid::regclass::text
)sql"};

absl::StatusOr<std::string> TestInsert(storage::Session& session) {
  storage::Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto rows = session.Run(kTestInsert, {});
  if (!rows.ok()) return Annotated("an event of now cannot be stored", rows.status());
  return std::string((*rows)[0][0].c_str());
}

int DaysMissing(const std::vector<storage::Partition>& partitions, const domain::TimeRange& range) {
  int missing = 0;
  auto partition = partitions.begin();
  for (domain::TimeMicros day = range.from; day < range.to; day += domain::kMicrosPerDay) {
    while (partition != partitions.end() && partition->range.to <= day) ++partition;
    if (partition == partitions.end() || !partition->range.Contains(day)) ++missing;
  }
  return missing;
}

domain::TimeRange Days(domain::TimeMicros now, int from, int to) {
  const domain::TimeMicros today = now - now % domain::kMicrosPerDay;
  return {today + from * domain::kMicrosPerDay, today + (to + 1) * domain::kMicrosPerDay};
}

// Of the tables of operational records, and of histories; how many it made.
absl::StatusOr<int> EnsureOthers(TaskContext& context, const domain::TimeRange& range) {
  auto tables = storage::ReadTimeTables(context.session);
  if (!tables.ok()) return tables.status();
  int made = 0;
  for (const auto& table : *tables) {
    if (!table.partitions->made_ahead()) continue;
    if (context.stop()) break;
    auto some = table.partitions->Ensure(context.session, range);
    if (!some.ok()) return Annotated("cannot make partitions of " + table.name, some.status());
    made += *some;
  }
  return made;
}

}  // namespace

PartitionMaintenance::PartitionMaintenance(const storage::Partitions& partitions, std::string edition)
    : partitions_(partitions), edition_(std::move(edition)) {}

absl::StatusOr<TaskReport> PartitionMaintenance::Run(TaskContext& context) {
  storage::Session& session = context.session;
  auto now = storage::DatabaseNow(session);
  if (!now.ok()) return now.status();
  const domain::TimeRange range =
      Days(*now, context.parameters.from_days.value_or(kFromDays), context.parameters.to_days.value_or(kToDays));
  TaskReport report;
  auto before = partitions_.List(session);
  if (!before.ok()) return before.status();
  if (partitions_.made_ahead()) {
    const int missing = DaysMissing(*before, range);
    report.counts["days_missing"] = missing;
    if (!context.parameters.dry_run) {
      context.progress({fmt::format("making partitions for {} days", missing), 0, missing});
      auto made = partitions_.Ensure(session, range);
      if (!made.ok()) return Annotated("cannot make partitions", made.status());
      report.counts["partitions_created"] = *made;
      auto others = EnsureOthers(context, range);
      if (!others.ok()) return others.status();
      report.counts["record_partitions_created"] = *others;
      context.progress({"partitions are made", missing, missing});
    }
  }
  auto after = partitions_.List(session);
  if (!after.ok()) return after.status();
  const PartitionSummary summary = Summarise(*after, partitions_.made_ahead(), *now);
  report.counts["partitions"] = summary.count;
  report.counts["days_ahead"] = summary.days_ahead;
  report.summary = partitions_.made_ahead()
                       ? fmt::format("{} partitions, {} days ahead", summary.count, summary.days_ahead)
                       : fmt::format("{} partitions; the insert makes them", summary.count);
  if (context.parameters.dry_run) {
    report.summary += fmt::format("; {} days are without one, nothing was changed",
                                  partitions_.made_ahead() ? report.counts["days_missing"] : 0);
    return report;
  }
  context.progress({"inserting an event of now, to be rolled back", 0, 0});
  auto table = TestInsert(session);
  if (!table.ok()) return table.status();
  report.counts["test_inserts"] = 1;
  report.summary += fmt::format("; an event of now goes to {} (tried, and rolled back)", *table);
  if (edition_ == storage::kCommunityEdition) {
    auto policies = storage::NativePolicies(session);
    if (!policies.ok()) return policies.status();
    for (const auto& policy : *policies) {
      if (policy.healthy) continue;
      ++report.counts["policies_not_well"];
      report.summary +=
          fmt::format("; TimescaleDB's own {} (job {}) is not well: {}", policy.procedure, policy.job, policy.problem);
    }
  }
  return report;
}

}  // namespace eventstore::housekeeping
