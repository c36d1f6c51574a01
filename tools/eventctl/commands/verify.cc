// eventctl verify: checks a whole database for the promises the store makes.
#include <fmt/format.h>

#include <memory>

#include "server/storage/verifier.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using storage::VerifyReport;
using storage::Violation;

struct VerifyFlags {
  DatabaseFlags database;
  storage::VerifyOptions options;
};

std::string ReportJson(const VerifyReport& report) {
  const std::string violations = JsonArray(report.violations, [](const Violation& violation) {
    return JsonObject()
        .Add("rule", violation.rule)
        .AddOrNull("aggregate_id", violation.aggregate_id)
        .Add("from_version", violation.from_version)
        .Add("to_version", violation.to_version)
        .Add("detail", violation.detail)
        .Text();
  });
  return JsonObject()
      .Add("clean", report.clean())
      .Add("aggregates", report.aggregates)
      .Add("events", report.events)
      .Add("chunks", report.chunks)
      .Add("aggregates_without_beginning", report.aggregates_without_beginning)
      .Add("aggregates_without_events", report.aggregates_without_events)
      .Add("chunks_dropped_meanwhile", report.chunks_dropped_meanwhile)
      .AddRaw("violations", violations)
      .Add("more_violations", report.more_violations)
      .Text();
}

void PrintViolations(const VerifyReport& report, Context& context) {
  Table table(
      context.out, context.out_terminal,
      {{.heading = "RULE"}, {.heading = "AGGREGATE"}, {.heading = "VERSION", .right = true}, {.heading = "DETAIL"}});
  for (const auto& violation : report.violations) {
    std::string versions = violation.to_version == 0 ? "-" : std::to_string(violation.to_version);
    if (violation.from_version != violation.to_version) {
      versions = fmt::format("{}..{}", violation.from_version, violation.to_version);
    }
    table.Row(
        {violation.rule, violation.aggregate_id.empty() ? "-" : violation.aggregate_id, versions, violation.detail});
  }
  table.Flush();
  if (report.more_violations) context.out << "... and more; see them with a larger --max-violations\n";
}

ExitCode RunVerify(const VerifyFlags& flags, Context& context) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  ProgressLine progress(context.err, context.err_terminal, !context.json);
  const auto report = storage::Verifier(*conninfo).Run(flags.options, [&](const storage::VerifyProgress& now) {
    const double done = now.chunks_total > 0 ? static_cast<double>(now.chunks_done) / now.chunks_total : 0;
    progress.Show(done, fmt::format("{}: {}/{} chunks, {} events", now.step, now.chunks_done, now.chunks_total,
                                    WithThousands(now.events)));
  });
  progress.End();
  if (!report.ok()) return ReportError(context, "verify the database", AsIfFromServer(report.status()));
  if (context.json) {
    context.out << ReportJson(*report) << '\n';
    return report->clean() ? kOk : kNegative;
  }
  PrintViolations(*report, context);
  const std::string verdict =
      report->clean() ? context.out_style().Green("clean") : context.out_style().Red("VIOLATED");
  context.out << fmt::format("{}: {} of {} in {}, {}{}\n", verdict, CountOf(report->events, "event"),
                             CountOf(report->aggregates, "aggregate"), CountOf(report->chunks, "chunk"),
                             report->more_violations ? "more than " : "",
                             CountOf(static_cast<std::int64_t>(report->violations.size()), "violation"));
  if (report->aggregates_without_beginning + report->aggregates_without_events > 0) {
    Hint(context,
         fmt::format("retention has dropped the beginning of {} and all events of {}",
                     CountOf(report->aggregates_without_beginning, "aggregate"), report->aggregates_without_events));
  }
  return report->clean() ? kOk : kNegative;
}

}  // namespace

void AddVerify(CLI::App& app, Context& context) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check that versions are 1..n in every aggregate, in one order, and that the heads agree");
  flags->database.AddTo(*command);
  AddNumber(*command, "--max-violations", flags->options.max_violations, 1, 1'000'000,
            "Show at most so many" + Default(flags->options.max_violations));
  AddFooter(*command,
            std::string(kDatabaseHelp) +
                "Reads one moment of the store; appends go on meanwhile. Exit code 1: violations were found.\n"
                "\nExamples:\n"
                "  eventctl verify\n"
                "  eventctl verify --data-dir /var/lib/eventstore\n"
                "  eventctl verify --database postgres://me@db.example.com/events --json | jq .violations");
  command->callback([flags, &context] { context.exit_code = RunVerify(*flags, context); });
}

}  // namespace eventstore::eventctl
