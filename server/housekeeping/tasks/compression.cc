#include "server/housekeeping/tasks/compression.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/housekeeping/annotated.h"
#include "server/storage/engines/timescale_policies.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/operations/time_tables.h"
#include "server/storage/sql_text.h"

namespace eventstore::housekeeping {
namespace {

TaskReport Skipped(const std::string& why) {
  TaskReport report;
  report.skipped = true;
  report.summary = why;
  return report;
}

}  // namespace

Compression::Compression(const storage::Partitions& partitions, std::string edition, int after_days)
    : partitions_(partitions), edition_(std::move(edition)), after_days_(after_days) {}

absl::StatusOr<TaskReport> Compression::Run(TaskContext& context) {
  if (!partitions_.compresses()) return Skipped("this engine and edition cannot compress");
  auto report = Events(context);
  if (!report.ok()) return report;
  auto others = Records(context);
  if (!others.ok()) return others.status();
  report->counts["record_partitions_compressed"] = *others;
  report->skipped = report->skipped && *others == 0;
  report->summary += fmt::format("; {} partitions of operational records compressed", *others);
  return report;
}

absl::StatusOr<TaskReport> Compression::Events(TaskContext& context) const {
  if (after_days_ == 0) return Skipped("compress_after_days is 0: no events are compressed");
  TaskReport report;
  if (edition_ == storage::kCommunityEdition) {
    auto policies = storage::NativePolicies(context.session);
    if (!policies.ok()) return policies.status();
    for (const auto& policy : *policies) {
      if (policy.procedure != "policy_compression") continue;
      if (policy.healthy) return Skipped(fmt::format("TimescaleDB's own job {} does it", policy.job));
      report.summary =
          fmt::format("TimescaleDB's own job {} does not ({}), so it is done here; ", policy.job, policy.problem);
    }
    if (!context.parameters.dry_run) {
      absl::Status enabled = storage::EnableCompression(context.session);
      if (!enabled.ok()) return Annotated("cannot make events_v2 compressible", enabled);
    }
  }
  auto now = storage::DatabaseNow(context.session);
  if (!now.ok()) return now.status();
  auto partitions = partitions_.List(context.session);
  if (!partitions.ok()) return partitions.status();
  const domain::TimeMicros before = *now - after_days_ * domain::kMicrosPerDay;
  std::erase_if(*partitions, [&](const auto& partition) {
    // Rows that are counted exactly are those of a closed partition: nothing is appended to it any more.
    return partition.compressed || !partition.rows_exact || partition.range.to > before;
  });
  const auto total = static_cast<std::int64_t>(partitions->size());
  std::int64_t& done = report.counts["partitions_compressed"];
  for (const auto& partition : *partitions) {
    if (context.parameters.dry_run || context.stop()) break;
    context.progress({"compressing " + storage::TimestampText(partition.range.from), done, total});
    absl::Status compressed = partitions_.Compress(context.session, partition);
    if (!compressed.ok()) return Annotated("cannot compress " + partition.table, compressed);
    ++done;
  }
  report.counts["partitions_left"] = total - done;
  report.summary += fmt::format("{} partitions compressed, {} left", done, total - done);
  return report;
}

absl::StatusOr<std::int64_t> Compression::Records(TaskContext& context) const {
  auto now = storage::DatabaseNow(context.session);
  if (!now.ok()) return now.status();
  auto tables = storage::ReadTimeTables(context.session);
  if (!tables.ok()) return tables.status();
  std::int64_t done = 0;
  for (const auto& table : *tables) {
    if (!table.compress_after_days) continue;
    auto partitions = table.partitions->List(context.session);
    if (!partitions.ok()) return partitions.status();
    const domain::TimeMicros before = *now - *table.compress_after_days * domain::kMicrosPerDay;
    std::erase_if(*partitions,
                  [&](const auto& partition) { return partition.compressed || partition.range.to > before; });
    if (partitions->empty() || context.parameters.dry_run) continue;
    absl::Status enabled =
        storage::EnableCompression(context.session, table.name, table.compress_by, table.time_column);
    if (!enabled.ok()) return Annotated("cannot make " + table.name + " compressible", enabled);
    for (const auto& partition : *partitions) {
      if (context.stop()) return done;
      context.progress({fmt::format("compressing {} of {}", storage::TimestampText(partition.range.from), table.name),
                        0, static_cast<std::int64_t>(partitions->size())});
      absl::Status compressed = table.partitions->Compress(context.session, partition);
      if (!compressed.ok()) return Annotated("cannot compress " + partition.table, compressed);
      ++done;
    }
  }
  return done;
}

}  // namespace eventstore::housekeeping
