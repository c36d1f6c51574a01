#include "tools/eventctl/moving/move_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "server/domain/iso_time.h"
#include "tools/eventctl/moving/chunk_plan.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

// Of the rows read, those that are in the store now.
double SuccessRate(const MoveReport& report) {
  if (report.counts.events == 0) return 100;
  return 100.0 * static_cast<double>(report.counts.written + report.counts.already_there) /
         static_cast<double>(report.counts.events);
}

double RateOf(const MoveReport& report) {
  return report.seconds > 0 ? static_cast<double>(report.counts.events) / report.seconds : 0;
}

std::string CountsJson(const std::map<std::string, std::int64_t>& counts) {
  JsonObject object;
  for (const auto& [key, count] : counts) object.Add(key, count);
  return object.Text();
}

void PrintJson(Context& context, const MovePlan& plan, const MoveReport& report) {
  const auto time = [](std::optional<domain::TimeMicros> t) { return t ? domain::IsoTime(*t) : std::string(); };
  JsonObject object;
  object.Add("source", plan.source)
      .AddOrNull("run", plan.run)
      .Add("dry_run", plan.run.empty())
      .Add("resumed", plan.resumed)
      .Add("complete", report.complete)
      .Add("source_rows", plan.facts.rows)
      .Add("source_days", plan.facts.days)
      .AddOrNull("first", time(plan.facts.first))
      .AddOrNull("last", time(plan.facts.last))
      .Add("read", report.counts.events)
      .Add("written", report.counts.written)
      .Add("already_there", report.counts.already_there)
      .Add("skipped", report.counts.skipped)
      .AddRaw("skipped_by_field", CountsJson(report.skipped_by_reason))
      .Add("clamped", report.counts.clamped)
      .Add("fresh_aggregates", report.fresh_aggregates)
      .AddRaw("types", CountsJson(report.types))
      .AddRaw("success_percent", fmt::format("{:.3f}", SuccessRate(report)))
      .Add("batches", report.batches)
      .AddRaw("seconds", fmt::format("{:.3f}", report.seconds))
      .AddRaw("rows_a_second", fmt::format("{:.1f}", RateOf(report)))
      .Add("proposed_chunk_interval", IntervalText(plan.proposed_interval))
      .Add("chunk_interval", IntervalText(plan.interval));
  if (plan.run.empty()) object.Add("aggregates", report.aggregates);
  context.out << object.Text() << '\n';
}

}  // namespace

absl::Status Remarks::Open(const std::string& file) {
  if (file.empty()) return absl::OkStatus();
  file_.open(file, std::ios::app);
  has_file_ = true;
  if (!file_) return absl::InvalidArgumentError("--errors: cannot write to " + file);
  return absl::OkStatus();
}

void Remarks::Add(const MoveRemark& remark) {
  if (has_file_) {
    file_ << JsonObject()
                 .AddOrNull("id", remark.id)
                 .Add("field", remark.field)
                 .Add("reason", remark.reason)
                 .Add("skipped", remark.skipped)
                 .Text()
          << '\n'
          << std::flush;
  }
  if (++count_ > kShown || context_.json) return;
  progress_.End();
  const std::string what = remark.skipped ? context_.err_style().Yellow("skipped") : "note";
  context_.err << what << ": row " << Printable(remark.id.empty() ? "without id" : remark.id) << ": " << remark.field
               << ' ' << Printable(remark.reason) << '\n';
}

void Remarks::End() {
  if (count_ <= kShown || context_.json) return;
  Hint(context_, fmt::format("... and {} more{}", count_ - kShown,
                             has_file_ ? "; all are in the file of --errors" : "; --errors FILE has them all"));
}

std::string IntervalText(domain::TimeMicros interval) {
  if (interval == 0) return "the store's own";
  if (interval % domain::kMicrosPerDay == 0) return CountOf(interval / domain::kMicrosPerDay, "day");
  return fmt::format("{} s", interval / domain::kMicrosPerSecond);
}

void PrintMove(Context& context, const MovePlan& plan, const MoveReport& report) {
  if (context.json) return PrintJson(context, plan, report);
  Table table(context.out, context.out_terminal, {{.heading = "WHAT"}, {.heading = "ROWS", .right = true}});
  table.Row({"in the source", WithThousands(plan.facts.rows)});
  table.Row({"read", WithThousands(report.counts.events)});
  table.Row({plan.run.empty() ? "would be written" : "written", WithThousands(report.counts.written)});
  table.Row({"already there", WithThousands(report.counts.already_there)});
  table.Row({"skipped", WithThousands(report.counts.skipped)});
  for (const auto& [field, count] : report.skipped_by_reason) table.Row({"  for their " + field, WithThousands(count)});
  table.Row({"raised to their aggregate's last time", WithThousands(report.counts.clamped)});
  table.Row({"without an entity, in fresh aggregates", WithThousands(report.fresh_aggregates)});
  if (plan.run.empty()) table.Row({"aggregates", WithThousands(report.aggregates)});
  table.Row({"event types", WithThousands(static_cast<std::int64_t>(report.types.size()))});
  table.Row({"days with events", WithThousands(plan.facts.days)});
  table.Flush();
  context.out << fmt::format("{:.2f} % of {} read are in the store, in {:.1f} s ({}/s)\n", SuccessRate(report),
                             CountOf(report.counts.events, "row"), report.seconds,
                             WithThousands(static_cast<std::int64_t>(RateOf(report))));
  if (plan.facts.first && plan.facts.last) {
    context.out << fmt::format("from {} to {}; chunks of {} are proposed ({} at most), used: {}\n",
                               domain::IsoTime(*plan.facts.first).substr(0, 10),
                               domain::IsoTime(*plan.facts.last).substr(0, 10), IntervalText(plan.proposed_interval),
                               ChunksOf(*plan.facts.first, *plan.facts.last, plan.proposed_interval),
                               IntervalText(plan.interval));
  }
}

}  // namespace eventstore::eventctl
