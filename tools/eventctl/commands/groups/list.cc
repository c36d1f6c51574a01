// eventctl groups list, groups show: how far the groups are, and who works for them.
#include <algorithm>
#include <memory>

#include "tools/eventctl/commands/groups/groups.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/group_text.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr int kBarColumns = 20;

void PrintGroups(const std::vector<v1::ConsumerGroup>& groups, bool with_lag, Context& context) {
  std::int64_t most = 0;
  for (const auto& group : groups) most = std::max(most, group.lag_events());
  Table table(context.out, context.out_terminal,
              {{.heading = "GROUP", .max_width = 40},
               {.heading = "MEMBERS", .right = true},
               {.heading = "BUCKETS", .right = true},
               {.heading = "PARKED", .right = true},
               {.heading = "POSITION", .right = true},
               {.heading = "BEHIND", .right = true},
               {.heading = "LAG", .right = true},
               {.heading = ""}});
  for (const auto& group : groups) {
    table.Row({group.name(), std::to_string(group.members_size()), std::to_string(group.buckets()),
               WithThousands(group.parked_events()), std::to_string(group.position()),
               with_lag ? BehindText(group.lag_seconds()) : "?", with_lag ? LagText(group) : "?",
               Bar(group.lag_events(), most, kBarColumns, context.out_terminal.utf8)});
  }
  table.Flush();
}

struct ListFlags {
  std::string prefix;
  bool without_lag = false;
};

ExitCode RunShow(const std::string& name, Context& context) {
  const auto group = MakeGroups(context).Get(name, CallOptionsOf(context));
  if (!group.ok()) return ReportError(context, "show group " + name, group.status());
  if (context.json) {
    context.out << GroupJson(*group) << '\n';
  } else {
    PrintGroup(context, *group);
  }
  return kOk;
}

}  // namespace

ExitCode ListGroups(const std::string& prefix, bool with_lag, Context& context) {
  const auto groups = MakeGroups(context).List(prefix, with_lag, CallOptionsOf(context));
  if (!groups.ok()) return ReportError(context, "list the groups", groups.status());
  if (context.json) {
    for (const auto& group : *groups) context.out << GroupJson(group) << '\n';
    return kOk;
  }
  PrintGroups(*groups, with_lag, context);
  if (groups->empty()) {
    Hint(context, prefix.empty() ? "no groups yet; make one with `eventctl groups create NAME`"
                                 : "no group's name begins with " + prefix);
  }
  return kOk;
}

void AddGroupsList(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = groups.add_subcommand("list", "Every group: members, lag, what is parked");
  AddFlag(*command, "PREFIX", flags->prefix, "PREFIX", "Only groups whose name begins so");
  command->add_flag("--without-lag", flags->without_lag, "Do not count what is still to be handled");
  AddFooter(*command,
            "LAG is counted up to 10,000. BEHIND: how long ago the oldest event that is not handled was recorded.\n\n"
            "Examples:\n"
            "  eventctl groups list\n"
            "  eventctl groups list mail --json | jq .lag_events");
  command->callback([flags, &context] { context.exit_code = ListGroups(flags->prefix, !flags->without_lag, context); });
}

void AddGroupsShow(CLI::App& groups, Context& context) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = groups.add_subcommand("show", "One group: settings, lag, members with their buckets");
  AddGroupName(*command, *name);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl groups show mailer\n"
            "  watch eventctl groups show mailer");
  command->callback([name, &context] { context.exit_code = RunShow(*name, context); });
}

}  // namespace eventstore::eventctl
