// eventctl stream: replays one aggregate.
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

struct StreamFlags {
  std::string aggregate_id;
  int from = 0;
  int to = 0;
  std::string as_of;
  bool reverse = false;
  int limit = 0;
};

ExitCode RunStream(const StreamFlags& flags, Context& context) {
  v1::GetAggregateStreamRequest request;
  request.set_aggregate_id(flags.aggregate_id);
  request.set_from_version(flags.from);
  request.set_to_version(flags.to);
  request.set_max_events(flags.limit);
  if (flags.reverse) request.set_direction(v1::DIRECTION_BACKWARD);
  if (const auto as_of = ParseTimeFlag(flags.as_of)) *request.mutable_as_of() = *as_of;

  EventPrinter printer(context, {EventColumn::kVersion, EventColumn::kTime, EventColumn::kEventType, EventColumn::kUser,
                                 EventColumn::kData});
  const client::EventStoreClient store = MakeClient(context);
  client::EventReader reader = store.ReadAggregate(request, CallOptionsOf(context));
  for (const auto& event : reader) {
    if (!event.ok()) {
      printer.Flush();
      return ReportError(context, "read aggregate " + flags.aggregate_id, event.status());
    }
    printer.Print(*event);
  }
  printer.Flush();
  if (reader.current_version() == 0) {
    Hint(context, fmt::format("aggregate {} does not exist", flags.aggregate_id));
    return kNegative;
  }
  if (reader.first_available_version() != 1) {
    Hint(context, fmt::format("versions below {} are no longer stored", reader.first_available_version() > 0
                                                                            ? reader.first_available_version()
                                                                            : reader.current_version() + 1));
  }
  Hint(context, fmt::format("{} shown; the aggregate is at version {}",
                            CountOf(static_cast<std::int64_t>(printer.printed()), "event"), reader.current_version()));
  return kOk;
}

}  // namespace

void AddStream(CLI::App& app, Context& context) {
  auto flags = std::make_shared<StreamFlags>();
  CLI::App* command = app.add_subcommand("stream", "Replay one aggregate in version order");
  AddUuid(*command, "AGGREGATE_ID", flags->aggregate_id, "The aggregate")->required();
  AddNumber(*command, "--from", flags->from, 1, kMaxInt, "First version");
  AddNumber(*command, "--to", flags->to, 1, kMaxInt, "Last version");
  AddTime(*command, "--as-of", flags->as_of, std::string("As it was then; ") + kTimeHelp);
  command->add_flag("--reverse", flags->reverse, "Newest first");
  AddNumber(*command, "--limit", flags->limit, 1, kMaxInt, "Stop after so many events");
  AddFooter(*command,
            "Exit code 1: no such aggregate.\n\n"
            "Examples:\n"
            "  eventctl stream 0190a0e2-7c1b-7000-8000-000000000001\n"
            "  eventctl stream 0190a0e2-7c1b-7000-8000-000000000001 --reverse --limit 5\n"
            "  eventctl stream 0190a0e2-7c1b-7000-8000-000000000001 --as-of 2026-11-01\n"
            "  eventctl stream 0190a0e2-7c1b-7000-8000-000000000001 --json | jq .data");
  command->callback([flags, &context] { context.exit_code = RunStream(*flags, context); });
}

}  // namespace eventstore::eventctl
