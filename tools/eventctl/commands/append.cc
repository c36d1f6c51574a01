// eventctl append: one or more events to one aggregate, all or nothing.
#include <fmt/format.h>

#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/event_line.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/input/text_source.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr std::int64_t kMaxVersion = std::numeric_limits<std::int32_t>::max() - 1;

struct AppendFlags {
  std::string aggregate_id;
  std::string aggregate_type = "entity";
  std::vector<std::string> events;
  std::vector<std::string> data;
  std::vector<std::string> ids;
  std::string lines;
  std::string metadata;
  std::string user;
  std::string correlation;
  std::string causation;
  std::string source;
  std::optional<std::int32_t> expected_version;
  bool any_version = false;
  bool existing = false;
};

absl::StatusOr<std::vector<v1::NewEvent>> EventsFromFlags(const AppendFlags& flags) {
  std::vector<v1::NewEvent> events;
  for (std::size_t i = 0; i < flags.events.size(); ++i) {
    v1::NewEvent event;
    event.set_event_type(flags.events[i]);
    if (i < flags.ids.size()) event.set_id(flags.ids[i]);
    if (i < flags.data.size()) {
      auto data = TextFrom(flags.data[i], std::cin);
      if (!data.ok()) return data.status();
      event.set_data(*std::move(data));
    }
    events.push_back(std::move(event));
  }
  return events;
}

absl::StatusOr<std::vector<v1::NewEvent>> EventsFromLines(const AppendFlags& flags) {
  auto text = TextFrom(flags.lines == "-" ? "-" : "@" + flags.lines, std::cin);
  if (!text.ok()) return text.status();
  std::istringstream lines(*text);
  std::vector<v1::NewEvent> events;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto parsed = ParseEventLine(line, {.source = flags.source, .needs_aggregate = false});
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(fmt::format("line {} {}", number, std::string(parsed.status().message())));
    }
    events.push_back(std::move(parsed->event));
  }
  if (events.empty()) return absl::InvalidArgumentError("there are no events in the lines");
  return events;
}

// What is given once holds for every event that does not say it itself.
absl::Status FillShared(const AppendFlags& flags, std::vector<v1::NewEvent>& events) {
  std::string metadata;
  if (!flags.metadata.empty()) {
    auto text = TextFrom(flags.metadata, std::cin);
    if (!text.ok()) return text.status();
    metadata = *std::move(text);
  }
  for (auto& event : events) {
    if (event.user_id().empty()) event.set_user_id(flags.user);
    if (event.correlation_id().empty()) event.set_correlation_id(flags.correlation);
    if (event.causation_id().empty()) event.set_causation_id(flags.causation);
    if (event.source().empty()) event.set_source(flags.source);
    if (!metadata.empty() && (event.metadata().empty() || event.metadata() == "{}")) event.set_metadata(metadata);
  }
  return absl::OkStatus();
}

// What is wrong with the flags together; empty: nothing.
std::string Misuse(const AppendFlags& flags) {
  const int checks = (flags.expected_version ? 1 : 0) + (flags.any_version ? 1 : 0) + (flags.existing ? 1 : 0);
  if (checks != 1) return "give one of --expected-version N (0: it must not exist yet), --any-version or --existing";
  if (flags.events.empty() == flags.lines.empty()) return "give either --event TYPE (once or more) or --lines FILE";
  if (flags.data.size() > flags.events.size()) return "there is more --data than --event; each belongs to one --event";
  if (flags.ids.size() > flags.events.size()) return "there is more --id than --event; each belongs to one --event";
  return "";
}

void PrintAppended(const v1::AppendResponse& answer, Context& context) {
  if (context.json) {
    const std::string events = JsonArray(answer.events(), [](const auto& event) {
      return JsonObject()
          .Add("id", event.id())
          .Add("version", event.version())
          .Add("timestamp", FormatTime(event.timestamp()))
          .Add("global_position", event.global_position())
          .Text();
    });
    context.out << JsonObject()
                       .Add("aggregate_id", answer.aggregate_id())
                       .Add("version", answer.version())
                       .AddRaw("events", events)
                       .Text()
                << '\n';
    return;
  }
  Table table(context.out, context.out_terminal,
              {{.heading = "VERSION", .right = true},
               {.heading = "TIME (UTC)"},
               {.heading = "POSITION", .right = true},
               {.heading = "ID"}});
  for (const auto& event : answer.events()) {
    table.Row({std::to_string(event.version()), FormatTimeShort(event.timestamp()),
               std::to_string(event.global_position()), event.id()});
  }
  table.Flush();
  Hint(context, fmt::format("aggregate {} is at version {}", answer.aggregate_id(), answer.version()));
}

ExitCode RunAppend(const AppendFlags& flags, Context& context) {
  if (const std::string misuse = Misuse(flags); !misuse.empty()) return ReportUsage(context, misuse);
  auto events = flags.lines.empty() ? EventsFromFlags(flags) : EventsFromLines(flags);
  if (!events.ok()) return ReportUsage(context, std::string(events.status().message()));
  if (absl::Status status = FillShared(flags, *events); !status.ok()) {
    return ReportUsage(context, std::string(status.message()));
  }
  const auto check = flags.expected_version ? client::VersionCheck::Exactly(*flags.expected_version)
                     : flags.existing       ? client::VersionCheck::Existing()
                                            : client::VersionCheck::Any();
  const auto answer = MakeClient(context).Append({flags.aggregate_id, flags.aggregate_type}, check, *std::move(events),
                                                 CallOptionsOf(context));
  if (!answer.ok()) return ReportError(context, "append to aggregate " + flags.aggregate_id, answer.status());
  PrintAppended(*answer, context);
  return kOk;
}

}  // namespace

void AddAppend(CLI::App& app, Context& context) {
  auto flags = std::make_shared<AppendFlags>();
  CLI::App* command = app.add_subcommand("append", "Append events to one aggregate, all or nothing");
  AddUuid(*command, "AGGREGATE_ID", flags->aggregate_id, "The aggregate")->required();
  AddList(*command, "--event", flags->events, "TYPE", "What happened, for example order.placed");
  AddList(*command, "--data", flags->data, "JSON",
          "Object, @FILE or - (standard input), of the --event in the same place");
  AddList(*command, "--id", flags->ids, "UUID", "Of the event; the same append with the same id writes nothing twice")
      ->check(UuidValidator());
  AddFlag(*command, "--lines", flags->lines, "FILE",
          "Events from a file or -, one JSON object a line, fields as for `load`");
  AddFlag(*command, "--type", flags->aggregate_type, "TYPE", "Of the aggregate" + Default(flags->aggregate_type));
  AddFlag(*command, "--metadata", flags->metadata, "JSON", "Object, @FILE or -, for every event");
  AddFlag(*command, "--user", flags->user, "USER", "Whose action this is");
  AddUuid(*command, "--correlation", flags->correlation, "The workflow");
  AddUuid(*command, "--causation", flags->causation, "The event that caused this");
  AddFlag(*command, "--source", flags->source, "SOURCE", "Where it comes from; the server's default is api");
  AddNumber(*command, "--expected-version", flags->expected_version, 0, kMaxVersion,
            "The aggregate's version now; 0: it must not exist yet");
  command->add_flag("--any-version", flags->any_version, "At whatever version");
  command->add_flag("--existing", flags->existing, "At whatever version, but it must exist");
  AddFooter(*command,
            "Exit code 4: the aggregate has another version.\n\n"
            "Examples:\n"
            "  ID=$(cat /proc/sys/kernel/random/uuid)\n"
            "  eventctl append $ID --event order.placed --data '{\"total\": 42}' --expected-version 0\n"
            "  eventctl append $ID --event order.paid --event order.sent --existing --user alice\n"
            "  eventctl append $ID --event order.noted --data @note.json --any-version\n"
            "  jq -c .events[] order.json | eventctl append $ID --lines - --expected-version 3");
  command->callback([flags, &context] { context.exit_code = RunAppend(*flags, context); });
}

}  // namespace eventstore::eventctl
