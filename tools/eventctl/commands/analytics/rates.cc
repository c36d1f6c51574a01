// eventctl analytics failure-rate and throughput: how executions go.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "tools/eventctl/commands/analytics/analytics_call.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr int kBarColumns = 20;

struct RateFlags {
  RangeFlags range;
  std::vector<std::string> actions;
};

template <typename Request>
Request RequestOf(const RateFlags& flags) {
  Request request;
  flags.range.Fill(&request);
  request.set_bucket(flags.range.bucket());
  request.mutable_action_refs()->Assign(flags.actions.begin(), flags.actions.end());
  return request;
}

std::string RateText(const v1::Endings& endings) {
  return endings.has_failure_rate() ? fmt::format("{:.1f} %", 100 * endings.failure_rate()) : "-";
}

std::string EndingsJson(const v1::Endings& endings) {
  JsonObject object;
  if (endings.has_bucket()) object.Add("bucket", FormatTime(endings.bucket()));
  return object.Add("completed", endings.completed())
      .Add("failed", endings.failed())
      .Add("timeout", endings.timeout())
      .Add("abandoned", endings.abandoned())
      .Add("cancelled", endings.cancelled())
      .AddRaw("failure_rate", endings.has_failure_rate() ? fmt::format("{}", endings.failure_rate()) : "null")
      .Text();
}

std::vector<std::string> EndingsRow(const std::string& name, const v1::Endings& endings, bool utf8) {
  return {name,
          WithThousands(endings.completed()),
          WithThousands(endings.failed()),
          WithThousands(endings.timeout()),
          WithThousands(endings.abandoned()),
          WithThousands(endings.cancelled()),
          RateText(endings),
          Bar(static_cast<std::int64_t>(endings.failure_rate() * 1'000'000), 1'000'000, kBarColumns, utf8)};
}

ExitCode RunFailureRate(const RateFlags& flags, Context& context) {
  const auto answer =
      AnalyticsCalls(context).Call(&v1::Analytics::Stub::GetFailureRate, RequestOf<v1::GetFailureRateRequest>(flags));
  if (!answer.ok()) return ReportError(context, "read the failure rate", answer.status());
  if (context.json) {
    context.out << JsonObject()
                       .AddRaw("total", EndingsJson(answer->total()))
                       .AddRaw("buckets", JsonArray(answer->buckets(), EndingsJson))
                       .Add("from_time", FormatTime(answer->from_time()))
                       .Add("to_time", FormatTime(answer->to_time()))
                       .AddRaw("freshness", FreshnessJson(answer->freshness()))
                       .Text()
                << '\n';
    return kOk;
  }
  Table table(context.out, context.out_terminal,
              {{.heading = flags.range.by == "day" ? "DAY (UTC)" : "HOUR (UTC)"},
               {.heading = "COMPLETED", .right = true},
               {.heading = "FAILED", .right = true},
               {.heading = "TIMEOUT", .right = true},
               {.heading = "ABANDONED", .right = true},
               {.heading = "CANCELLED", .right = true},
               {.heading = "RATE", .right = true},
               {.heading = ""}});
  for (const auto& bucket : answer->buckets()) {
    table.Row(
        EndingsRow(BucketText(bucket.bucket().seconds(), flags.range.bucket()), bucket, context.out_terminal.utf8));
  }
  table.Row(EndingsRow("all", answer->total(), context.out_terminal.utf8));
  table.Flush();
  HintFreshness(context, answer->freshness());
  return kOk;
}

std::string ThroughputJson(const v1::Throughput& bucket) {
  return JsonObject()
      .Add("bucket", FormatTime(bucket.bucket()))
      .Add("created", bucket.created())
      .Add("ended", bucket.ended())
      .Text();
}

void PrintThroughput(Context& context, const v1::GetThroughputResponse& answer, const RateFlags& flags) {
  std::map<std::int64_t, const v1::Throughput*> buckets;
  std::int64_t most = 0;
  for (const auto& bucket : answer.buckets()) {
    buckets[bucket.bucket().seconds()] = &bucket;
    most = std::max({most, bucket.created(), bucket.ended()});
  }
  Table table(context.out, context.out_terminal,
              {{.heading = flags.range.by == "day" ? "DAY (UTC)" : "HOUR (UTC)"},
               {.heading = "CREATED", .right = true},
               {.heading = ""},
               {.heading = "ENDED", .right = true},
               {.heading = ""}});
  const v1::Throughput none;
  for (const std::int64_t at : BucketsOf(answer.from_time(), answer.to_time(), flags.range.bucket())) {
    const v1::Throughput& bucket = buckets.contains(at) ? *buckets[at] : none;
    const bool utf8 = context.out_terminal.utf8;
    table.Row({BucketText(at, flags.range.bucket()), WithThousands(bucket.created()),
               Bar(bucket.created(), most, kBarColumns, utf8), WithThousands(bucket.ended()),
               Bar(bucket.ended(), most, kBarColumns, utf8)});
  }
  table.Flush();
  context.out << fmt::format("{} created, {} ended; {:.1f} and {:.1f} an hour\n", WithThousands(answer.created()),
                             WithThousands(answer.ended()), answer.created_per_hour(), answer.ended_per_hour());
}

ExitCode RunThroughput(const RateFlags& flags, Context& context) {
  const auto answer =
      AnalyticsCalls(context).Call(&v1::Analytics::Stub::GetThroughput, RequestOf<v1::GetThroughputRequest>(flags));
  if (!answer.ok()) return ReportError(context, "read the throughput", answer.status());
  if (context.json) {
    context.out << JsonObject()
                       .AddRaw("buckets", JsonArray(answer->buckets(), ThroughputJson))
                       .Add("created", answer->created())
                       .Add("ended", answer->ended())
                       .AddRaw("created_per_hour", fmt::format("{}", answer->created_per_hour()))
                       .AddRaw("ended_per_hour", fmt::format("{}", answer->ended_per_hour()))
                       .Add("from_time", FormatTime(answer->from_time()))
                       .Add("to_time", FormatTime(answer->to_time()))
                       .AddRaw("freshness", FreshnessJson(answer->freshness()))
                       .Text()
                << '\n';
    return kOk;
  }
  PrintThroughput(context, *answer, flags);
  context.out.flush();
  HintFreshness(context, answer->freshness());
  return kOk;
}

}  // namespace

void AddFailureRate(CLI::App& analytics, Context& context) {
  auto flags = std::make_shared<RateFlags>();
  CLI::App* command = analytics.add_subcommand("failure-rate", "Of the executions that ended, how many failed");
  flags->range.AddTo(*command, true);
  AddList(*command, "--action", flags->actions, "REF", "Only of this action");
  AddFooter(
      *command,
      "The rate is of failed, timeout and abandoned among these and completed; cancelled ones count for neither.\n"
      "Hours in which none ended are left out.\n\n"
      "Examples:\n"
      "  eventctl analytics failure-rate\n"
      "  eventctl analytics failure-rate --by day --from 30d --action core.http");
  command->callback([flags, &context] { context.exit_code = RunFailureRate(*flags, context); });
}

void AddThroughput(CLI::App& analytics, Context& context) {
  auto flags = std::make_shared<RateFlags>();
  CLI::App* command = analytics.add_subcommand("throughput", "Executions that were created and that ended");
  flags->range.AddTo(*command, true);
  AddList(*command, "--action", flags->actions, "REF", "Only of this action");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl analytics throughput\n"
            "  eventctl analytics throughput --from 3h --include-recent");
  command->callback([flags, &context] { context.exit_code = RunThroughput(*flags, context); });
}

}  // namespace eventstore::eventctl
