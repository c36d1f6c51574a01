// eventctl count: exact counts, also by group, drawn as bars.
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

struct CountFlags {
  std::string user;
  std::vector<std::string> event_types;
  std::string aggregate_id;
  std::vector<std::string> aggregate_types;
  std::string correlation_id;
  std::vector<std::string> sources;
  std::string from;
  std::string to;
  std::string group_by;
};

// The names of the flags, and those of the JSON fields.
std::optional<v1::GroupBy> GroupNamed(const std::string& name) {
  static const std::map<std::string, v1::GroupBy> kGroups = {{"day", v1::GROUP_BY_DAY},
                                                             {"hour", v1::GROUP_BY_HOUR},
                                                             {"event-type", v1::GROUP_BY_EVENT_TYPE},
                                                             {"event_type", v1::GROUP_BY_EVENT_TYPE},
                                                             {"aggregate-type", v1::GROUP_BY_AGGREGATE_TYPE},
                                                             {"aggregate_type", v1::GROUP_BY_AGGREGATE_TYPE},
                                                             {"user", v1::GROUP_BY_USER},
                                                             {"source", v1::GROUP_BY_SOURCE}};
  const auto found = kGroups.find(name);
  if (found == kGroups.end()) return std::nullopt;
  return found->second;
}

ExitCode RunCount(const CountFlags& flags, Context& context) {
  const v1::GroupBy group_by = GroupNamed(flags.group_by).value_or(v1::GROUP_BY_UNSPECIFIED);
  v1::CountEventsRequest request;
  request.set_user_id(flags.user);
  request.mutable_event_types()->Assign(flags.event_types.begin(), flags.event_types.end());
  request.set_aggregate_id(flags.aggregate_id);
  request.mutable_aggregate_types()->Assign(flags.aggregate_types.begin(), flags.aggregate_types.end());
  request.set_correlation_id(flags.correlation_id);
  request.mutable_sources()->Assign(flags.sources.begin(), flags.sources.end());
  if (const auto from = ParseTimeFlag(flags.from)) *request.mutable_from_time() = *from;
  if (const auto to = ParseTimeFlag(flags.to)) *request.mutable_to_time() = *to;
  request.set_group_by(group_by);

  const auto answer = MakeClient(context).Count(request, CallOptionsOf(context));
  if (!answer.ok()) return ReportError(context, "count events", answer.status());
  if (context.json) {
    JsonObject object;
    object.Add("count", answer->count());
    if (group_by != v1::GROUP_BY_UNSPECIFIED) {
      object.AddRaw("groups", JsonArray(answer->groups(), [](const auto& group) {
                      return JsonObject().Add("key", group.key()).Add("count", group.count()).Text();
                    }));
    }
    context.out << object.Text() << '\n';
    return kOk;
  }
  if (group_by == v1::GROUP_BY_UNSPECIFIED) {
    context.out << answer->count() << '\n';
    return kOk;
  }
  std::vector<std::pair<std::string, std::int64_t>> groups;
  for (const auto& group : answer->groups()) {
    groups.emplace_back(group.key().empty() ? "(none)" : group.key(), group.count());
  }
  PrintBars(context.out, context.out_terminal, groups);
  context.out.flush();
  Hint(context, CountOf(answer->count(), "event") + " in " + CountOf(answer->groups_size(), "group"));
  return kOk;
}

}  // namespace

void AddCount(CLI::App& app, Context& context) {
  auto flags = std::make_shared<CountFlags>();
  CLI::App* command = app.add_subcommand("count", "Count events exactly, all or those that match");
  AddFlag(*command, "--user", flags->user, "USER", "Of this user");
  AddList(*command, "--event-type", flags->event_types, "TYPE", "Of this type");
  AddUuid(*command, "--aggregate", flags->aggregate_id, "Of this aggregate");
  AddList(*command, "--aggregate-type", flags->aggregate_types, "TYPE", "Of aggregates of this type");
  AddUuid(*command, "--correlation", flags->correlation_id, "Of this workflow");
  AddList(*command, "--source", flags->sources, "SOURCE", "From this source");
  AddTime(*command, "--from", flags->from, std::string("From this time on; ") + kTimeHelp);
  AddTime(*command, "--to", flags->to, "Before this time");
  AddFlag(*command, "--group-by", flags->group_by, "GROUP",
          "day, hour (UTC), event-type, aggregate-type, user or source")
      ->check([](const std::string& name) {
        return GroupNamed(name) ? "" : "\"" + name + "\" is not day, hour, event-type, aggregate-type, user or source";
      });
  AddFooter(*command,
            "Examples:\n"
            "  eventctl count\n"
            "  eventctl count --group-by event-type\n"
            "  eventctl count --user alice --from 7d --group-by day\n"
            "  eventctl count --json --group-by source");
  command->callback([flags, &context] { context.exit_code = RunCount(*flags, context); });
}

}  // namespace eventstore::eventctl
