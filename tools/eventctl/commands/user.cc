// eventctl user: what one user did.
#include <fmt/format.h>

#include <memory>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

struct UserFlags {
  std::string user_id;
  int days = 0;
  std::string from;
  std::string to;
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  int limit = 0;
  bool reverse = false;
};

ExitCode RunUser(const UserFlags& flags, Context& context) {
  if (flags.days > 0 && !(flags.from.empty() && flags.to.empty())) {
    return ReportUsage(context, "--days goes up to now; give either --days or --from and --to");
  }
  v1::GetUserStreamRequest request;
  request.set_user_id(flags.user_id);
  request.set_days(flags.days);
  if (const auto from = ParseTimeFlag(flags.from)) *request.mutable_from_time() = *from;
  if (const auto to = ParseTimeFlag(flags.to)) *request.mutable_to_time() = *to;
  request.mutable_event_types()->Assign(flags.event_types.begin(), flags.event_types.end());
  request.mutable_aggregate_types()->Assign(flags.aggregate_types.begin(), flags.aggregate_types.end());
  request.set_limit(flags.limit);
  if (flags.reverse) request.set_direction(v1::DIRECTION_BACKWARD);

  EventPrinter printer(context, {EventColumn::kTime, EventColumn::kAggregate, EventColumn::kVersion,
                                 EventColumn::kAggregateType, EventColumn::kEventType, EventColumn::kData});
  const client::EventStoreClient store = MakeClient(context);
  for (const auto& event : store.ReadUser(request, CallOptionsOf(context))) {
    if (!event.ok()) {
      printer.Flush();
      return ReportError(context, "read the events of user " + flags.user_id, event.status());
    }
    printer.Print(*event);
  }
  printer.Flush();
  Hint(context,
       fmt::format("{}{}", CountOf(static_cast<std::int64_t>(printer.printed()), "event"),
                   flags.days == 0 && flags.from.empty() ? " in the last 30 days; more with --days or --from" : ""));
  return kOk;
}

}  // namespace

void AddUser(CLI::App& app, Context& context) {
  auto flags = std::make_shared<UserFlags>();
  CLI::App* command =
      app.add_subcommand("user", "What one user did, in time order; the last 30 days unless told otherwise");
  AddFlag(*command, "USER_ID", flags->user_id, "USER", "The user")->required();
  AddNumber(*command, "--days", flags->days, 1, 36'500, "The last so many days");
  AddTime(*command, "--from", flags->from, std::string("From this time on; ") + kTimeHelp);
  AddTime(*command, "--to", flags->to, "Before this time");
  AddList(*command, "--event-type", flags->event_types, "TYPE", "Only this type");
  AddList(*command, "--aggregate-type", flags->aggregate_types, "TYPE", "Only aggregates of this type");
  AddNumber(*command, "--limit", flags->limit, 1, kMaxInt, "Stop after so many events");
  command->add_flag("--reverse", flags->reverse, "Newest first");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl user alice\n"
            "  eventctl user alice --days 365 --event-type order.placed --reverse --limit 10\n"
            "  eventctl user alice --from 2026-01-01 --to 2026-02-01 --json");
  command->callback([flags, &context] { context.exit_code = RunUser(*flags, context); });
}

}  // namespace eventstore::eventctl
