#include "tools/eventctl/output/group_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/input/filter_flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr int kBarColumns = 24;

template <typename Values>
std::string TextArray(const Values& values) {
  return JsonArray(values, [](const auto& value) { return JsonString(value); });
}

std::string FilterJson(const v1::EventFilter& filter) {
  JsonObject metadata;
  const std::map<std::string, std::string> members(filter.metadata().begin(), filter.metadata().end());
  for (const auto& [key, value] : members) metadata.Add(key, value);
  return JsonObject()
      .AddRaw("event_types", TextArray(filter.event_types()))
      .AddRaw("event_type_prefixes", TextArray(filter.event_type_prefixes()))
      .AddRaw("aggregate_types", TextArray(filter.aggregate_types()))
      .AddRaw("user_ids", TextArray(filter.user_ids()))
      .AddRaw("correlation_ids", TextArray(filter.correlation_ids()))
      .AddRaw("sources", TextArray(filter.sources()))
      .AddRaw("metadata", metadata.Text())
      .Text();
}

std::string MemberJson(const v1::ConsumerGroupMember& member) {
  return JsonObject()
      .Add("id", member.id())
      .AddOrNull("name", member.name())
      .Add("instance", member.instance())
      .Add("buckets", member.buckets())
      .Add("joined_at", FormatTime(member.joined_at()))
      .Text();
}

void PrintMembers(Context& context, const v1::ConsumerGroup& group) {
  Table table(context.out, context.out_terminal,
              {{.heading = "MEMBER"},
               {.heading = "SERVER", .max_width = 32},
               {.heading = "SINCE (UTC)"},
               {.heading = "BUCKETS", .right = true},
               {.heading = ""}});
  for (const auto& member : group.members()) {
    table.Row({member.name().empty() ? member.id() : member.name(), member.instance(),
               FormatTimeShort(member.joined_at()), std::to_string(member.buckets()),
               Bar(member.buckets(), group.buckets(), kBarColumns, context.out_terminal.utf8)});
  }
  table.Flush();
}

}  // namespace

std::string GroupJson(const v1::ConsumerGroup& group) {
  const auto& settings = group.settings();
  return JsonObject()
      .Add("name", group.name())
      .Add("position", group.position())
      .Add("lag_events", group.lag_events())
      .Add("lag_is_at_least", group.lag_is_at_least())
      .AddRaw("lag_seconds", fmt::format("{:.3f}", group.lag_seconds()))
      .Add("parked_events", group.parked_events())
      .Add("buckets", group.buckets())
      .AddRaw("filter", FilterJson(settings.filter()))
      .Add("ack_timeout_ms", settings.ack_timeout_ms())
      .Add("max_deliveries", settings.max_deliveries())
      .Add("retry_pause_ms", settings.retry_pause_ms())
      .Add("created_at", FormatTime(group.created_at()))
      .Add("updated_at", FormatTime(group.updated_at()))
      .AddRaw("members", JsonArray(group.members(), MemberJson))
      .Text();
}

std::string LagText(const v1::ConsumerGroup& group) {
  return WithThousands(group.lag_events()) + (group.lag_is_at_least() ? "+" : "");
}

std::string BehindText(double seconds) {
  if (seconds <= 0) return "-";
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  return whole < 86'400 ? FormatDuration(std::chrono::seconds(whole)) : fmt::format("{} h", whole / 3'600);
}

void PrintGroup(Context& context, const v1::ConsumerGroup& group) {
  const Style style = context.out_style();
  const auto& settings = group.settings();
  const auto line = [&](const std::string& what, const std::string& text) {
    context.out << fmt::format("  {}{}\n", style.Dim(fmt::format("{:<10}", what)), Printable(text));
  };
  context.out << style.Bold(Printable(group.name())) << '\n';
  line("events", FilterText(settings.filter()));
  line("position", std::to_string(group.position()));
  line("lag", group.lag_events() == 0 ? "none"
                                      : fmt::format("{} events, the oldest recorded {} ago", LagText(group),
                                                    BehindText(group.lag_seconds())));
  line("parked", group.parked_events() == 0 ? "none"
                                            : fmt::format("{}; see them with `eventctl groups parked {}`",
                                                          CountOf(group.parked_events(), "event"), group.name()));
  line("answers", fmt::format("within {}; parked after {}, {} before the second",
                              DurationText(std::chrono::milliseconds(settings.ack_timeout_ms())),
                              CountOf(settings.max_deliveries(), "failure"),
                              DurationText(std::chrono::milliseconds(settings.retry_pause_ms()))));
  line("created", FormatTimeShort(group.created_at()));
  if (FormatTime(group.updated_at()) != FormatTime(group.created_at())) {
    line("changed", FormatTimeShort(group.updated_at()));
  }
  line("members", fmt::format("{} of {}", group.members_size(), CountOf(group.buckets(), "bucket")));
  if (group.members_size() == 0) return;
  context.out << '\n';
  PrintMembers(context, group);
}

std::string ParkedJson(const v1::ParkedEvent& parked) {
  return JsonObject()
      .Add("parked_at", FormatTime(parked.parked_at()))
      .Add("reason", parked.reason())
      .Add("deliveries", parked.deliveries())
      .Add("replaying", parked.replaying())
      .AddRaw("event", EventJson(parked.event()))
      .Text();
}

}  // namespace eventstore::eventctl
