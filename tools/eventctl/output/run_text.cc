#include "tools/eventctl/output/run_text.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

constexpr std::array<std::string_view, 6> kStatuses{"unknown", "running", "succeeded",
                                                    "failed",  "skipped", "interrupted"};
constexpr std::array<std::string_view, 5> kTriggers{"unknown", "schedule", "startup", "operator", "repair"};
constexpr std::array<std::string_view, 4> kHealth{"unknown", "green", "yellow", "red"};

// Newer servers may know more.
template <typename Names>
std::string NameIn(const Names& names, int number) {
  return std::string(number > 0 && number < static_cast<int>(names.size()) ? names[static_cast<std::size_t>(number)]
                                                                           : names[0]);
}

template <typename Map>
std::string CountsJson(const Map& counts) {
  JsonObject object;
  const std::map<std::string, std::int64_t> sorted(counts.begin(), counts.end());
  for (const auto& [name, count] : sorted) object.Add(name, count);
  return object.Text();
}

template <typename Map>
std::string CountsText(const Map& counts) {
  std::string text;
  const std::map<std::string, std::int64_t> sorted(counts.begin(), counts.end());
  for (const auto& [name, count] : sorted) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, WithThousands(count));
  }
  return text;
}

std::string TimeOrEmpty(bool has, const google::protobuf::Timestamp& time) { return has ? FormatTime(time) : ""; }

}  // namespace

std::string StatusName(v1::RunStatus status) { return NameIn(kStatuses, status); }
std::string TriggerName(v1::RunTrigger trigger) { return NameIn(kTriggers, trigger); }
std::string HealthName(v1::PartitionHealth health) { return NameIn(kHealth, health); }

v1::RunStatus StatusOf(const std::string& name) {
  for (std::size_t i = 1; i < kStatuses.size(); ++i) {
    if (kStatuses[i] == name) return static_cast<v1::RunStatus>(i);
  }
  return v1::RUN_STATUS_UNSPECIFIED;
}

std::string BytesText(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string RunJson(const v1::TaskRun& run) {
  return JsonObject()
      .Add("id", run.id())
      .Add("task", run.task())
      .Add("instance", run.instance())
      .Add("trigger", TriggerName(run.trigger()))
      .Add("attempt", run.attempt())
      .AddRaw("parameters", CountsJson(run.parameters()))
      .Add("started_at", FormatTime(run.started_at()))
      .AddOrNull("finished_at", TimeOrEmpty(run.has_finished_at(), run.finished_at()))
      .Add("status", StatusName(run.status()))
      .AddRaw("counts", CountsJson(run.counts()))
      .AddOrNull("summary", run.summary())
      .AddOrNull("error", run.error())
      .Text();
}

std::string TaskJson(const v1::Task& task) {
  return JsonObject()
      .Add("name", task.name())
      .Add("description", task.description())
      .Add("schedule", task.schedule())
      .Add("enabled", task.enabled())
      .Add("time_limit_seconds", task.time_limit_seconds())
      .Add("changed_by", task.changed_by())
      .Add("changed_at", FormatTime(task.changed_at()))
      .AddOrNull("next_run_at", TimeOrEmpty(task.has_next_run_at(), task.next_run_at()))
      .AddRaw("last_run", task.has_last_run() ? RunJson(task.last_run()) : "null")
      .AddOrNull("last_success_at", TimeOrEmpty(task.has_last_success_at(), task.last_success_at()))
      .Add("failures", task.failures())
      .Add("overdue", task.overdue())
      .Text();
}

std::string PartitionStatusJson(const v1::GetPartitionStatusResponse& status) {
  return JsonObject()
      .Add("health", HealthName(status.health()))
      .AddRaw("remarks", JsonArray(status.remarks(), [](const auto& remark) { return JsonString(remark); }))
      .Add("engine", status.engine())
      .Add("made_ahead", status.made_ahead())
      .Add("today_exists", status.today_exists())
      .Add("days_ahead", status.days_ahead())
      .Add("partitions", status.partitions())
      .Add("bytes", status.bytes())
      .Add("rows", status.rows())
      .Add("rows_exact", status.rows_exact())
      .AddOrNull("oldest", TimeOrEmpty(status.has_oldest(), status.oldest()))
      .AddOrNull("newest", TimeOrEmpty(status.has_newest(), status.newest()))
      .Add("compressed", status.compressed())
      .AddRaw("newest_partitions", JsonArray(status.newest_partitions(),
                                             [](const v1::Partition& partition) {
                                               return JsonObject()
                                                   .Add("table", partition.table())
                                                   .Add("from", FormatTime(partition.from()))
                                                   .Add("to", FormatTime(partition.to()))
                                                   .Add("bytes", partition.bytes())
                                                   .Add("rows", partition.rows())
                                                   .Add("closed", partition.closed())
                                                   .Add("compressed", partition.compressed())
                                                   .Text();
                                             }))
      .Text();
}

void PrintRun(Context& context, const v1::TaskRun& run) {
  const Style style = context.out_style();
  std::string status = StatusName(run.status());
  if (run.status() == v1::RUN_STATUS_SUCCEEDED) status = style.Green(status);
  if (run.status() == v1::RUN_STATUS_FAILED) status = style.Red(status);
  context.out << fmt::format("{}: {}{}\n", run.task(), status,
                             run.summary().empty() ? "" : ": " + Printable(run.summary()));
  if (!run.error().empty()) context.out << fmt::format("  error: {}\n", Printable(run.error()));
  if (!run.counts().empty()) context.out << fmt::format("  counts: {}\n", CountsText(run.counts()));
  context.out << fmt::format("  run {} on {}, {}\n", run.id(), run.instance(), FormatTimeShort(run.started_at()));
}

}  // namespace eventstore::eventctl
