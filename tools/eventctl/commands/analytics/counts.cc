// eventctl analytics counts and top: how much, when, of what.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "tools/eventctl/commands/analytics/analytics_call.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

// Buckets that a line of little bars has at most: what is more is drawn together.
constexpr std::size_t kSparkColumns = 48;

struct CountsFlags {
  std::string aggregate;
  RangeFlags range;
  std::vector<std::string> refs;
  std::vector<std::string> statuses;
  std::string split;  // "", "ref", "status"
};

struct TopFlags {
  std::string aggregate;
  RangeFlags range;
  std::vector<std::string> statuses;
  int limit = 10;
};

// All pages as one answer, with the range of the first.
absl::StatusOr<v1::GetCountsResponse> AllCounts(const AnalyticsCalls& calls, v1::GetCountsRequest request) {
  request.set_page_size(10'000);
  auto all = calls.Call(&v1::Analytics::Stub::GetCounts, request);
  if (!all.ok()) return all;
  *request.mutable_from_time() = all->from_time();
  *request.mutable_to_time() = all->to_time();
  while (!all->next_page_token().empty()) {
    request.set_page_token(all->next_page_token());
    auto page = calls.Call(&v1::Analytics::Stub::GetCounts, request);
    if (!page.ok()) return page;
    all->mutable_counts()->MergeFrom(page->counts());
    all->set_next_page_token(page->next_page_token());
  }
  return all;
}

void PrintCountsJson(Context& context, const v1::GetCountsResponse& answer) {
  context.out << JsonObject()
                     .AddRaw("counts", JsonArray(answer.counts(),
                                                 [](const v1::HourlyCount& count) {
                                                   return JsonObject()
                                                       .Add("bucket", FormatTime(count.bucket()))
                                                       .AddOrNull("ref", count.ref())
                                                       .AddOrNull("status", count.status())
                                                       .Add("count", count.count())
                                                       .Text();
                                                 }))
                     .Add("from_time", FormatTime(answer.from_time()))
                     .Add("to_time", FormatTime(answer.to_time()))
                     .AddRaw("freshness", FreshnessJson(answer.freshness()))
                     .Text()
              << '\n';
}

// A line for each bucket, those with nothing included: the page is the axis of time.
void PrintBuckets(Context& context, const v1::GetCountsResponse& answer, v1::TimeBucket bucket) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const auto& count : answer.counts()) counts[count.bucket().seconds()] += count.count();
  std::vector<std::pair<std::string, std::int64_t>> bars;
  for (const std::int64_t at : BucketsOf(answer.from_time(), answer.to_time(), bucket)) {
    bars.emplace_back(BucketText(at, bucket), counts[at]);
  }
  PrintBars(context.out, context.out_terminal, bars);
}

// A line for each key, the largest first, with what it did over the time.
void PrintSplit(Context& context, const v1::GetCountsResponse& answer, const CountsFlags& flags) {
  const auto buckets = BucketsOf(answer.from_time(), answer.to_time(), flags.range.bucket());
  const std::size_t together = (buckets.size() + kSparkColumns - 1) / kSparkColumns;
  std::map<std::string, std::pair<std::int64_t, std::vector<std::int64_t>>> keys;
  for (const auto& count : answer.counts()) {
    auto& [total, line] = keys[flags.split == "ref" ? count.ref() : count.status()];
    line.resize((buckets.size() + together - 1) / std::max<std::size_t>(together, 1));
    const auto at = std::ranges::lower_bound(buckets, count.bucket().seconds()) - buckets.begin();
    total += count.count();
    line.at(static_cast<std::size_t>(at) / together) += count.count();
  }
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [key, line] : keys) order.emplace_back(-line.first, key);
  std::ranges::sort(order);
  Table table(context.out, context.out_terminal,
              {{.heading = flags.split == "ref" ? "REF" : "STATUS", .max_width = 40},
               {.heading = "COUNT", .right = true},
               {.heading = "OVER THE TIME"}});
  for (const auto& [minus, key] : order) {
    table.Row(
        {key.empty() ? "(none)" : key, WithThousands(-minus), Spark(keys[key].second, context.out_terminal.utf8)});
  }
  table.Flush();
}

ExitCode RunCounts(const CountsFlags& flags, Context& context) {
  v1::GetCountsRequest request;
  request.set_aggregate(*AggregateNamed(flags.aggregate));
  flags.range.Fill(&request);
  request.set_bucket(flags.range.bucket());
  request.mutable_refs()->Assign(flags.refs.begin(), flags.refs.end());
  request.mutable_statuses()->Assign(flags.statuses.begin(), flags.statuses.end());
  request.set_sum_refs(!context.json && flags.split != "ref");
  request.set_sum_statuses(!context.json && flags.split != "status");
  const auto answer = AllCounts(AnalyticsCalls(context), request);
  if (!answer.ok()) return ReportError(context, "read the counts", answer.status());
  if (context.json) {
    PrintCountsJson(context, *answer);
    return kOk;
  }
  if (flags.split.empty()) {
    PrintBuckets(context, *answer, flags.range.bucket());
  } else {
    PrintSplit(context, *answer, flags);
  }
  context.out.flush();
  HintFreshness(context, answer->freshness());
  return kOk;
}

ExitCode RunTop(const TopFlags& flags, Context& context) {
  v1::GetTopRefsRequest request;
  request.set_aggregate(*AggregateNamed(flags.aggregate));
  flags.range.Fill(&request);
  request.mutable_statuses()->Assign(flags.statuses.begin(), flags.statuses.end());
  request.set_limit(flags.limit);
  const auto answer = AnalyticsCalls(context).Call(&v1::Analytics::Stub::GetTopRefs, request);
  if (!answer.ok()) return ReportError(context, "read the top refs", answer.status());
  if (context.json) {
    context.out << JsonObject()
                       .AddRaw("refs",
                               JsonArray(answer->refs(),
                                         [](const v1::RefCount& ref) {
                                           return JsonObject().Add("ref", ref.ref()).Add("count", ref.count()).Text();
                                         }))
                       .Add("total", answer->total())
                       .Add("distinct_refs", answer->distinct_refs())
                       .Add("from_time", FormatTime(answer->from_time()))
                       .Add("to_time", FormatTime(answer->to_time()))
                       .AddRaw("freshness", FreshnessJson(answer->freshness()))
                       .Text()
                << '\n';
    return kOk;
  }
  std::vector<std::pair<std::string, std::int64_t>> bars;
  std::int64_t rest = answer->total();
  for (const auto& ref : answer->refs()) {
    bars.emplace_back(ref.ref(), ref.count());
    rest -= ref.count();
  }
  // So that the shares are of everything.
  if (rest > 0) {
    bars.emplace_back(fmt::format("({} others)", WithThousands(answer->distinct_refs() - answer->refs_size())), rest);
  }
  PrintBars(context.out, context.out_terminal, bars);
  context.out.flush();
  HintFreshness(context, answer->freshness());
  return kOk;
}

}  // namespace

void AddCounts(CLI::App& analytics, Context& context) {
  auto flags = std::make_shared<CountsFlags>();
  CLI::App* command =
      analytics.add_subcommand("counts", "A bar for each hour or day; or a line for each ref or status");
  AddAggregate(*command, flags->aggregate);
  flags->range.AddTo(*command, true);
  AddList(*command, "--ref", flags->refs, "REF", "Only of this action, trigger, rule, worker or event type");
  AddList(*command, "--status", flags->statuses, "STATUS", "Only of this status (domain-events: aggregate type)");
  AddFlag(*command, "--split", flags->split, "KEY", "A line for each ref, or each status")
      ->check(CLI::IsMember({"ref", "status"}));
  AddFooter(*command,
            "With --json every count by bucket, ref and status.\n\n"
            "Examples:\n"
            "  eventctl analytics counts event-volume\n"
            "  eventctl analytics counts execution-status --split status --from 7d\n"
            "  eventctl analytics counts execution-status --status failed --by day --from 30d --include-recent");
  command->callback([flags, &context] { context.exit_code = RunCounts(*flags, context); });
}

void AddTop(CLI::App& analytics, Context& context) {
  auto flags = std::make_shared<TopFlags>();
  CLI::App* command = analytics.add_subcommand("top", "The refs that there is most of");
  AddAggregate(*command, flags->aggregate);
  flags->range.AddTo(*command, false);
  AddList(*command, "--status", flags->statuses, "STATUS", "Only of this status");
  AddNumber(*command, "--limit", flags->limit, 1, 1'000, "How many" + Default(flags->limit));
  AddFooter(*command,
            "Examples:\n"
            "  eventctl analytics top event-volume\n"
            "  eventctl analytics top execution-status --status failed --from 7d");
  command->callback([flags, &context] { context.exit_code = RunTop(*flags, context); });
}

}  // namespace eventstore::eventctl
