// eventctl dual-write status: how far behind either side is, and what does not agree.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>

#include "server/moving/move_facts.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using moving::DualWriteStatus;
using moving::TypeComparison;

struct StatusFlags {
  DatabaseFlags database;
  std::string window = "1h";
  double max_lag_seconds = 60;
};

// One word a probe can look for. The forwarder is missed only while something waits for it.
std::string VerdictOf(const DualWriteStatus& status, double max_lag_seconds) {
  if (!status.link) return "not linked";
  if (status.mismatches() > 0) return "mismatch";
  if (status.lag_seconds > max_lag_seconds) return "behind";
  return "ok";
}

std::string StatusJson(const DualWriteStatus& status, const std::string& verdict) {
  const std::string types = JsonArray(status.types, [](const TypeComparison& type) {
    return JsonObject()
        .Add("event_type", type.event_type)
        .Add("legacy_rows", type.legacy_rows)
        .Add("store_events", type.store_events)
        .Add("waiting", type.waiting)
        .Add("missing_in_store", type.missing_in_store)
        .Add("missing_in_legacy", type.missing_in_legacy)
        .Text();
  });
  return JsonObject()
      .Add("verdict", verdict)
      .Add("stage", domain::StageName(status.facts.stage))
      .AddOrNull("table", status.link ? status.link->QualifiedTable() : "")
      .AddOrNull("direction", status.link ? moving::DirectionName(status.link->direction) : "")
      .Add("strict", status.link && status.link->strict)
      .Add("lag_rows", status.facts.waiting_rows)
      .AddRaw("lag_seconds", fmt::format("{:.3f}", status.lag_seconds))
      .Add("forwarder_running", status.forwarder_running)
      .Add("mismatches", status.mismatches())
      .Add("refused_rows", status.facts.refused_rows)
      .Add("failed_events", status.facts.failed_events)
      .Add("changed_rows", status.facts.changed_rows)
      .Add("held", status.facts.held_rows)
      .AddOrNull("last_error", status.last_error)
      .AddRaw("event_types", types)
      .Text();
}

void PrintStatus(const DualWriteStatus& status, const std::string& verdict, Context& context) {
  if (!status.link) {
    context.out << "no legacy table is linked\n";
    return;
  }
  const Style style = context.out_style();
  const auto& facts = status.facts;
  context.out << fmt::format("{}: {}, {}, stage {}{}\n", verdict == "ok" ? style.Green(verdict) : style.Red(verdict),
                             status.link->QualifiedTable(), moving::DirectionName(status.link->direction),
                             domain::StageName(facts.stage), status.link->strict ? ", strict" : "");
  context.out << fmt::format("lag: {}, {:.1f} s; forwarder: {}\n", CountOf(facts.waiting_rows, "row"),
                             status.lag_seconds, status.forwarder_running ? "running" : "not running");
  context.out << fmt::format(
      "refused by the store: {}; failed in the legacy table: {}; changed there: {}; held, type off: {}\n",
      facts.refused_rows, facts.failed_events, facts.changed_rows, facts.held_rows);
  if (!status.last_error.empty()) context.out << "last error: " << Printable(status.last_error) << '\n';
  Table table(context.out, context.out_terminal,
              {{.heading = "EVENT TYPE"},
               {.heading = "LEGACY", .right = true},
               {.heading = "STORE", .right = true},
               {.heading = "WAITING", .right = true},
               {.heading = "NOT IN STORE", .right = true},
               {.heading = "NOT IN LEGACY", .right = true}});
  for (const TypeComparison& type : status.types) {
    table.Row({type.event_type, std::to_string(type.legacy_rows), std::to_string(type.store_events),
               std::to_string(type.waiting), std::to_string(type.missing_in_store),
               std::to_string(type.missing_in_legacy)});
  }
  table.Flush();
}

ExitCode RunStatus(const StatusFlags& flags, Context& context) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  const auto window = ParseDuration(flags.window);
  if (!window) return ReportUsage(context, "--window: not a duration");
  storage::Session session(*conninfo, "dual-write status");
  absl::Status connected = session.EnsureConnected();
  auto status = connected.ok()
                    ? moving::ReadDualWriteStatus(session, std::chrono::duration_cast<std::chrono::seconds>(*window))
                    : absl::StatusOr<DualWriteStatus>(connected);
  if (!status.ok()) return ReportError(context, "read the state of dual write", AsIfFromServer(status.status()));
  const std::string verdict = VerdictOf(*status, flags.max_lag_seconds);
  if (context.json) {
    context.out << StatusJson(*status, verdict) << '\n';
  } else {
    PrintStatus(*status, verdict, context);
  }
  return verdict == "ok" ? kOk : kNegative;
}

}  // namespace

void AddDualWriteStatus(CLI::App& dual_write, Context& context) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = dual_write.add_subcommand("status", "How far behind it is, and what does not agree");
  flags->database.AddTo(*command);
  AddDuration(*command, "--window", flags->window, "Compare rows and events of so long" + Default(flags->window));
  AddFlag(*command, "--max-lag", flags->max_lag_seconds, "SECONDS",
          "Behind, when the oldest row waits longer" + Default(std::string("60")))
      ->check(CLI::Range(0.0, 1e9));
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "Exit code 0: ok. 1: behind, mismatch, or not linked.\n\nExamples:\n"
                          "  eventctl dual-write status --window 24h\n"
                          "  eventctl dual-write status --json | jq .lag_seconds");
  command->callback([flags, &context] { context.exit_code = RunStatus(*flags, context); });
}

}  // namespace eventstore::eventctl
