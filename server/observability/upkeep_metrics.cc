#include "server/observability/upkeep_metrics.h"

#include <utility>

namespace eventstore::observability {
namespace {

using enum MetricKind;
using Partitions = PartitionsSnapshot;

void AddPartitions(Metrics& metrics, const ReadUpkeep& read, MetricKind kind, std::string name, std::string help,
                   std::function<std::optional<double>(const Partitions&)> value) {
  metrics.AddLabelled(kind, std::move(name), std::move(help),
                      [read, value = std::move(value)]() -> std::vector<Sample> {
                        const auto upkeep = read();
                        if (!upkeep || !upkeep->partitions) return {};
                        const auto known = value(*upkeep->partitions);
                        return known ? std::vector<Sample>{{{}, *known}} : std::vector<Sample>{};
                      });
}

void AddTasks(Metrics& metrics, const ReadUpkeep& read, MetricKind kind, std::string name, std::string help,
              std::function<std::optional<double>(const TaskSnapshot&)> value) {
  metrics.AddLabelled(kind, std::move(name), std::move(help), [read, value = std::move(value)] {
    std::vector<Sample> samples;
    const auto upkeep = read();
    if (!upkeep) return samples;
    for (const TaskSnapshot& task : upkeep->tasks) {
      if (const auto known = value(task)) samples.push_back({{{"task", task.name}}, *known});
    }
    return samples;
  });
}

// Prometheus' unit of time.
std::optional<double> Seconds(domain::TimeMicros time) {
  if (time == 0) return std::nullopt;
  return static_cast<double>(time) / static_cast<double>(domain::kMicrosPerSecond);
}

}  // namespace

void AddUpkeepMetrics(Metrics& metrics, const ReadUpkeep& read) {
  const auto number = [](auto member) {
    return [member](const Partitions& all) { return std::optional(static_cast<double>(all.*member)); };
  };
  AddPartitions(metrics, read, kGauge, "eventstore_partitions", "Partitions of the events.",
                number(&Partitions::count));
  AddPartitions(metrics, read, kGauge, "eventstore_partition_bytes", "Disk space of all partitions, with indexes.",
                number(&Partitions::bytes));
  AddPartitions(metrics, read, kGauge, "eventstore_partitions_compressed", "Partitions that are compressed.",
                number(&Partitions::compressed));
  AddPartitions(metrics, read, kGauge, "eventstore_partitions_made_ahead",
                "1 where partitions have to be there before their time (native), 0 where an insert makes them.",
                number(&Partitions::made_ahead));
  AddPartitions(metrics, read, kGauge, "eventstore_partition_today_exists", "1 when today's events can be written.",
                number(&Partitions::today_exists));
  AddPartitions(
      metrics, read, kGauge, "eventstore_partition_days_ahead",
      "Whole days after today that have a partition. Only where they are made ahead.",
      [](const Partitions& all) { return all.made_ahead ? std::optional<double>(all.days_ahead) : std::nullopt; });
  AddPartitions(metrics, read, kGauge, "eventstore_partition_oldest_timestamp_seconds",
                "Begin of the oldest partition, in seconds since 1970.",
                [](const Partitions& all) { return Seconds(all.oldest); });
  AddPartitions(metrics, read, kGauge, "eventstore_partition_newest_timestamp_seconds",
                "End of the newest partition, in seconds since 1970.",
                [](const Partitions& all) { return Seconds(all.newest); });
  AddPartitions(metrics, read, kCounter, "eventstore_partitions_repaired_total",
                "Partitions that an append of this process had to make, since they were missing.",
                number(&Partitions::repaired));

  metrics.AddLabelled(kCounter, "eventstore_housekeeper_runs_total",
                      "Runs of tasks by this process, by how they ended.", [read] {
                        std::vector<Sample> samples;
                        const auto upkeep = read();
                        if (!upkeep) return samples;
                        for (const TaskSnapshot& task : upkeep->tasks) {
                          for (const auto& [status, runs] : task.runs) {
                            samples.push_back({{{"task", task.name}, {"status", status}}, static_cast<double>(runs)});
                          }
                        }
                        return samples;
                      });
  AddTasks(metrics, read, kGauge, "eventstore_housekeeper_last_run_failed", "1 when the task's last run failed.",
           [](const TaskSnapshot& task) -> std::optional<double> {
             if (task.last_status.empty()) return std::nullopt;
             return task.last_status == "failed" ? 1 : 0;
           });
  AddTasks(metrics, read, kGauge, "eventstore_housekeeper_last_run_timestamp_seconds",
           "When the task's last run began, in seconds since 1970.",
           [](const TaskSnapshot& task) { return Seconds(task.last_started); });
  AddTasks(metrics, read, kGauge, "eventstore_housekeeper_last_run_duration_seconds",
           "How long the task's last run took.", [](const TaskSnapshot& task) -> std::optional<double> {
             if (task.last_finished < task.last_started || task.last_started == 0) return std::nullopt;
             return Seconds(task.last_finished - task.last_started).value_or(0);
           });
  AddTasks(metrics, read, kGauge, "eventstore_housekeeper_task_overdue", "1 when the task should have run and did not.",
           [](const TaskSnapshot& task) { return std::optional<double>(task.overdue ? 1 : 0); });
}

}  // namespace eventstore::observability
