// eventctl analytics: what was counted by the hour, as tables and charts.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <utility>

#include "tools/eventctl/commands/analytics/analytics_call.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr std::array<std::pair<const char*, v1::HourlyAggregate>, 7> kAggregates{{
    {"execution-status", v1::HOURLY_AGGREGATE_EXECUTION_STATUS},
    {"execution-throughput", v1::HOURLY_AGGREGATE_EXECUTION_THROUGHPUT},
    {"event-volume", v1::HOURLY_AGGREGATE_EVENT_VOLUME},
    {"worker-status", v1::HOURLY_AGGREGATE_WORKER_STATUS},
    {"enforcement-volume", v1::HOURLY_AGGREGATE_ENFORCEMENT_VOLUME},
    {"execution-volume", v1::HOURLY_AGGREGATE_EXECUTION_VOLUME},
    {"domain-events", v1::HOURLY_AGGREGATE_DOMAIN_EVENT_VOLUME},
}};

std::string TimeOrNothing(bool has, const google::protobuf::Timestamp& time) { return has ? FormatTime(time) : ""; }

ExitCode RunList(Context& context) {
  const auto answer = AnalyticsCalls(context).Call(&v1::Analytics::Stub::ListAggregates, v1::ListAggregatesRequest());
  if (!answer.ok()) return ReportError(context, "list the aggregates", answer.status());
  Table table(context.out, context.out_terminal,
              {{.heading = "AGGREGATE"},
               {.heading = "TABLE"},
               {.heading = "KIND"},
               {.heading = "COUNTED UNTIL (UTC)"},
               {.heading = "AT (UTC)"}});
  for (const auto& state : answer->aggregates()) {
    const std::string kind = state.continuous() ? "continuous" : "rollup";
    if (context.json) {
      context.out << JsonObject()
                         .Add("aggregate", NameOf(state.aggregate()))
                         .Add("name", state.name())
                         .Add("kind", kind)
                         .AddOrNull("refreshed_until",
                                    TimeOrNothing(state.has_refreshed_until(), state.refreshed_until()))
                         .AddOrNull("refreshed_at", TimeOrNothing(state.has_refreshed_at(), state.refreshed_at()))
                         .Text()
                  << '\n';
      continue;
    }
    table.Row({NameOf(state.aggregate()), state.name(), kind,
               state.has_refreshed_until() ? FormatTimeShort(state.refreshed_until()) : "-",
               state.has_refreshed_at() ? FormatTimeShort(state.refreshed_at()) : "-"});
  }
  table.Flush();
  return kOk;
}

void AddList(CLI::App& analytics, Context& context) {
  CLI::App* command = analytics.add_subcommand("list", "All aggregates and how far each is counted");
  AddFooter(*command, "Examples:\n  eventctl analytics list");
  command->callback([&context] { context.exit_code = RunList(context); });
}

}  // namespace

std::optional<v1::HourlyAggregate> AggregateNamed(const std::string& name) {
  for (const auto& [known, aggregate] : kAggregates) {
    if (known == name) return aggregate;
  }
  return std::nullopt;
}

std::string NameOf(v1::HourlyAggregate aggregate) {
  for (const auto& [name, known] : kAggregates) {
    if (known == aggregate) return name;
  }
  return "unknown";
}

void AddAggregate(CLI::App& command, std::string& name) {
  std::string names;
  for (const auto& [known, aggregate] : kAggregates) names += (names.empty() ? "" : ", ") + std::string(known);
  command.add_option("AGGREGATE", name, "One of: " + names)->required()->check([names](const std::string& text) {
    return AggregateNamed(text) ? "" : "\"" + text + "\" is none of: " + names;
  });
}

void RangeFlags::AddTo(CLI::App& command, bool buckets) {
  AddTime(command, "--from", from,
          std::string("From this time on (default a day before the end, with --by day 30); ") + kTimeHelp);
  AddTime(command, "--to", to, "Before this time (default now)");
  if (buckets) AddFlag(command, "--by", by, "BUCKET", "hour or day (UTC)")->check(CLI::IsMember({"hour", "day"}));
  command.add_flag("--include-recent", include_recent,
                   "Count what has changed since the last refresh, the hour that is not over included");
}

std::vector<std::int64_t> BucketsOf(const google::protobuf::Timestamp& from, const google::protobuf::Timestamp& to,
                                    v1::TimeBucket bucket) {
  const std::int64_t step = bucket == v1::TIME_BUCKET_DAY ? 86'400 : 3'600;
  std::vector<std::int64_t> buckets;
  for (std::int64_t at = from.seconds(); at < to.seconds(); at += step) buckets.push_back(at);
  return buckets;
}

std::string BucketText(std::int64_t seconds, v1::TimeBucket bucket) {
  const std::tm time = fmt::gmtime(static_cast<std::time_t>(seconds));
  return bucket == v1::TIME_BUCKET_DAY ? fmt::format("{:%Y-%m-%d}", time) : fmt::format("{:%Y-%m-%d %H:%M}", time);
}

void HintFreshness(Context& context, const v1::Freshness& freshness) {
  if (freshness.includes_recent()) return;
  if (!freshness.has_refreshed_until()) {
    Hint(context, "nothing has been counted yet; --include-recent counts now");
    return;
  }
  Hint(context, "counted until " + BucketText(freshness.refreshed_until().seconds(), v1::TIME_BUCKET_HOUR) +
                    " UTC; --include-recent counts the rest now");
}

std::string FreshnessJson(const v1::Freshness& freshness) {
  return JsonObject()
      .AddOrNull("refreshed_until", TimeOrNothing(freshness.has_refreshed_until(), freshness.refreshed_until()))
      .AddOrNull("refreshed_at", TimeOrNothing(freshness.has_refreshed_at(), freshness.refreshed_at()))
      .Add("includes_recent", freshness.includes_recent())
      .Text();
}

void AddAnalytics(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("analytics", "Counts by the hour: volumes, top refs, failure rate, throughput");
  command->require_subcommand(1);
  AddCounts(*command, context);
  AddTop(*command, context);
  AddFailureRate(*command, context);
  AddThroughput(*command, context);
  AddList(*command, context);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl analytics failure-rate --by day\n"
            "  eventctl analytics top event-volume --from 7d\n"
            "  eventctl analytics COMMAND --help");
}

}  // namespace eventstore::eventctl
