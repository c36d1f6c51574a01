// eventctl groups parked, replay, discard: events that failed too often, and what becomes of them.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tools/eventctl/commands/groups/groups.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/filter_flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/group_text.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr int kDefaultLimit = 100;
constexpr int kMaxPage = 1'000;

struct ParkedFlags {
  std::string name;
  int limit = kDefaultLimit;
};

struct SelectionFlags {
  std::string name;
  std::vector<std::string> ids;
  FilterFlags filter;
  int max = 0;
  bool yes = false;

  void AddTo(CLI::App& command) {
    AddGroupName(command, name);
    AddList(command, "--id", ids, "UUID", "Only this event")->check(UuidValidator());
    AddNumber(command, "--max", max, 1, kMaxInt, "Only the oldest so many");
    filter.AddTo(command);
  }
  v1::ParkedSelection ToProto() const {
    v1::ParkedSelection selection;
    selection.mutable_event_ids()->Assign(ids.begin(), ids.end());
    if (!filter.empty()) *selection.mutable_filter() = filter.ToProto();
    selection.set_max_events(max);
    return selection;
  }
  std::string Text() const {
    if (ids.empty() && filter.empty() && max == 0) return "everything";
    std::string text = max > 0 ? "the oldest " + CountOf(max, "event") : "the events";
    if (!ids.empty()) text += " among " + CountOf(static_cast<std::int64_t>(ids.size()), "id");
    if (!filter.empty()) text += " with " + FilterText(filter.ToProto());
    return text;
  }
};

ExitCode RunParked(const ParkedFlags& flags, Context& context) {
  const client::ConsumerGroups groups = MakeGroups(context);
  Table table(context.out, context.out_terminal,
              {{.heading = "POSITION", .right = true},
               {.heading = "PARKED (UTC)"},
               {.heading = "ID"},
               {.heading = "EVENT", .max_width = 32},
               {.heading = "TRIES", .right = true},
               {.heading = "REASON"}});
  v1::ListParkedEventsRequest request;
  request.set_group(flags.name);
  int left = flags.limit;
  do {
    request.set_page_size(std::min(left, kMaxPage));
    const auto page = groups.ListParked(request, CallOptionsOf(context));
    if (!page.ok()) {
      table.Flush();
      return ReportError(context, "list what group " + flags.name + " has parked", page.status());
    }
    for (const auto& parked : page->events()) {
      --left;
      if (context.json) {
        context.out << ParkedJson(parked) << '\n';
        continue;
      }
      table.Row({std::to_string(parked.event().global_position()), FormatTimeShort(parked.parked_at()),
                 parked.event().id(), parked.event().event_type(), std::to_string(parked.deliveries()),
                 parked.replaying() ? "(waits to be delivered again) " + parked.reason() : parked.reason()});
    }
    request.set_page_token(page->next_page_token());
  } while (left > 0 && !request.page_token().empty());
  table.Flush();
  if (table.rows() == 0 && !context.json) Hint(context, "nothing is parked");
  if (!request.page_token().empty()) Hint(context, "there are more; see them with --limit N");
  return kOk;
}

ExitCode ShowCount(const absl::StatusOr<std::int64_t>& events, const std::string& doing, const std::string& done,
                   Context& context) {
  if (!events.ok()) return ReportError(context, doing, events.status());
  if (context.json) {
    context.out << JsonObject().Add("events", *events).Text() << '\n';
  } else {
    context.out << CountOf(*events, "event") << ' ' << done << '\n';
  }
  return *events > 0 ? kOk : kNegative;
}

ExitCode RunReplay(const SelectionFlags& flags, Context& context) {
  return ShowCount(MakeGroups(context).ReplayParked(flags.name, flags.ToProto(), CallOptionsOf(context)),
                   "replay what group " + flags.name + " has parked", "will be delivered again", context);
}

ExitCode RunDiscard(const SelectionFlags& flags, Context& context) {
  const std::string question =
      fmt::format("Discard {} that group {} has parked, so that nobody handles it?", flags.Text(), flags.name);
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  return ShowCount(MakeGroups(context).DiscardParked(flags.name, flags.ToProto(), CallOptionsOf(context)),
                   "discard what group " + flags.name + " has parked", "discarded", context);
}

}  // namespace

void AddGroupsParked(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<ParkedFlags>();
  CLI::App* command = groups.add_subcommand("parked", "Events that failed too often, with the reason");
  AddGroupName(*command, flags->name);
  AddNumber(*command, "--limit", flags->limit, 1, kMaxInt, "Show at most so many" + Default(kDefaultLimit));
  AddFooter(*command,
            "Examples:\n"
            "  eventctl groups parked mailer\n"
            "  eventctl groups parked mailer --json | jq '.reason, .event.data'");
  command->callback([flags, &context] { context.exit_code = RunParked(*flags, context); });
}

void AddGroupsReplay(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<SelectionFlags>();
  CLI::App* command = groups.add_subcommand("replay", "Deliver parked events again; all of them, or those that match");
  flags->AddTo(*command);
  AddFooter(*command,
            "Attempts are counted anew. Exit code 1: none matched.\n\n"
            "Examples:\n"
            "  eventctl groups replay mailer\n"
            "  eventctl groups replay mailer --max 1\n"
            "  eventctl groups replay mailer --event-type order.paid");
  command->callback([flags, &context] { context.exit_code = RunReplay(*flags, context); });
}

void AddGroupsDiscard(CLI::App& groups, Context& context) {
  auto flags = std::make_shared<SelectionFlags>();
  CLI::App* command = groups.add_subcommand("discard", "Forget parked events; all of them, or those that match");
  flags->AddTo(*command);
  command->add_flag("--yes", flags->yes, "Do not ask");
  AddFooter(*command,
            "They stay in the store; the group is done with them. Exit code 1: none matched.\n\n"
            "Examples:\n"
            "  eventctl groups discard mailer --id 0190a0e2-7c1b-7000-8000-000000000001\n"
            "  eventctl groups discard mailer --event-type order.test --yes");
  command->callback([flags, &context] { context.exit_code = RunDiscard(*flags, context); });
}

}  // namespace eventstore::eventctl
