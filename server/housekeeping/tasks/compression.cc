#include "server/housekeeping/tasks/compression.h"

#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/housekeeping/annotated.h"
#include "server/storage/engines/timescale_policies.h"
#include "server/storage/housekeeper_store.h"
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
  if (after_days_ == 0) return Skipped("compress_after_days is 0: nothing is compressed");
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

}  // namespace eventstore::housekeeping
