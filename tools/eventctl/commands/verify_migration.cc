// eventctl verify-migration: whether a legacy source and the store hold the same events.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/moving/compare.h"
#include "tools/eventctl/moving/source_flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

struct VerifyMigrationFlags {
  DatabaseFlags database;
  SourceFlags source;
  std::string until;
  int most = 100;
};

std::string ReportJson(const CompareReport& report) {
  const std::string groups = JsonArray(report.difference, [](const GroupDifference& one) {
    return JsonObject()
        .Add("aggregate_id", one.aggregate_id)
        .Add("event_type", one.event_type)
        .Add("day", one.day)
        .Add("source", one.source)
        .Add("store", one.target)
        .Text();
  });
  const std::string events = JsonArray(report.events, [](const EventDifference& one) {
    return JsonObject().Add("id", one.id).Add("what", one.what).Text();
  });
  return JsonObject()
      .Add("same", report.same())
      .Add("source_events", report.source_rows)
      .Add("refused_rows", report.refused_rows)
      .Add("store_events", report.target_rows)
      .Add("groups", report.groups)
      .Add("differing_groups", report.differing_groups)
      .Add("differing_events", report.differing_events)
      .AddRaw("differences", groups)
      .AddRaw("events", events)
      .Text();
}

void Print(const CompareReport& report, Context& context) {
  Table groups(context.out, context.out_terminal,
               {{.heading = "DAY"},
                {.heading = "AGGREGATE"},
                {.heading = "TYPE"},
                {.heading = "SOURCE", .right = true},
                {.heading = "STORE", .right = true}});
  for (const auto& one : report.difference) {
    groups.Row(
        {one.day, one.aggregate_id, Printable(one.event_type), std::to_string(one.source), std::to_string(one.target)});
  }
  groups.Flush();
  Table events(context.out, context.out_terminal, {{.heading = "EVENT"}, {.heading = "WHAT"}});
  for (const auto& one : report.events) events.Row({one.id, one.what});
  events.Flush();
  const std::string verdict =
      report.same() ? context.out_style().Green("the same") : context.out_style().Red("DIFFERENT");
  context.out << fmt::format("{}: {} in the source, {} in the store; {} of {} differ, {}\n", verdict,
                             CountOf(report.source_rows, "event"), WithThousands(report.target_rows),
                             WithThousands(report.differing_groups), CountOf(report.groups, "group"),
                             CountOf(report.differing_events, "event"));
}

ExitCode RunVerify(const VerifyMigrationFlags& flags, Context& context) {
  const auto store = FindDatabase(flags.database);
  if (!store.ok()) return ReportError(context, "find the database", store.status());
  CompareOptions options;
  options.most = flags.most;
  options.since = MicrosOf(flags.source.since);
  options.until = MicrosOf(flags.until);
  auto opened = OpenSource(flags.source, *store, options.until);
  if (!opened.ok()) return ReportError(context, "open the source", AsIfFromServer(opened.status()));
  ProgressLine progress(context.err, context.err_terminal, !context.json);
  const auto report =
      Compare(*store, *opened->source, *opened->mapper, options, [&](const std::string& step, std::int64_t done) {
        progress.Show(-1, fmt::format("{}: {}", step, WithThousands(done)));
      });
  progress.End();
  if (!report.ok()) return ReportError(context, "compare the source with the store", AsIfFromServer(report.status()));
  if (context.json) {
    context.out << ReportJson(*report) << '\n';
  } else {
    Print(*report, context);
    if (report->refused_rows > 0) {
      Hint(context, fmt::format("{} of the source are no events; `eventctl migrate-events --dry-run` says why",
                                CountOf(report->refused_rows, "row")));
    }
  }
  return report->same() ? kOk : kNegative;
}

}  // namespace

void AddVerifyMigration(CLI::App& app, Context& context) {
  auto flags = std::make_shared<VerifyMigrationFlags>();
  CLI::App* command = app.add_subcommand(
      "verify-migration", "Compare a legacy source with the store: counts and contents by aggregate, type and day");
  flags->database.AddTo(*command);
  flags->source.AddTo(*command);
  AddTime(*command, "--until", flags->until, "Only rows before that time; others may still be on their way");
  AddNumber(*command, "--max-differences", flags->most, 1, 1'000'000, "List at most so many" + Default(flags->most));
  AddFooter(*command, std::string(kSourceHelp) + kDatabaseHelp +
                          "Exit code 1: they differ. Takes about 120 bytes an event on the disk of the store's "
                          "PostgreSQL.\n"
                          "\nExamples:\n"
                          "  eventctl verify-migration --table public.events\n"
                          "  eventctl verify-migration --lines old.jsonl --mapping old.toml --json | jq .differences\n"
                          "  eventctl verify-migration --until 1h");
  command->callback([flags, &context] { context.exit_code = RunVerify(*flags, context); });
}

}  // namespace eventstore::eventctl
