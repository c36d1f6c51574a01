// eventctl convert-table: a plain table becomes one that is cut by time.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "server/storage/conversion/table_conversion.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

using storage::ConversionPlan;
using storage::ConversionProgress;
using storage::ConversionRequest;

struct ConvertFlags {
  DatabaseFlags database;
  ConversionRequest request;
  int compress_after_days = 7;
  int retention_days = 0;
  int batch = 5'000;
  bool dry_run = false;
  bool yes = false;
  bool abandon = false;
};

void PrintLines(Context& context, const std::string& what, const std::vector<std::string>& lines) {
  for (const auto& line : lines) context.out << fmt::format("{:<8} {}\n", what, line);
}

std::string Lines(const std::vector<std::string>& lines) {
  return JsonArray(lines, [](const auto& l) { return JsonString(l); });
}

void PrintPlan(Context& context, const ConvertFlags& flags, const ConversionPlan& plan) {
  if (context.json) {
    context.out << JsonObject()
                       .Add("table", flags.request.table)
                       .Add("time_column", flags.request.time_column)
                       .Add("id_column", plan.id_column)
                       .Add("rows", plan.rows)
                       .Add("partitions", plan.chunks)
                       .AddRaw("refused", Lines(plan.refused))
                       .AddRaw("dropped", Lines(plan.dropped))
                       .AddRaw("changed", Lines(plan.changed))
                       .AddRaw("kept", Lines(plan.kept))
                       .Add("begun", plan.begun.has_value())
                       .Text()
                << '\n';
    return;
  }
  PrintLines(context, "refused", plan.refused);
  if (!plan.refused.empty()) return;
  context.out << fmt::format("{}: {} in {} of {}, by {}\n", flags.request.table, CountOf(plan.rows, "row"),
                             CountOf(plan.chunks, "partition"), flags.request.interval, flags.request.time_column);
  if (plan.begun)
    context.out << fmt::format("begun: {} copied before, it goes on there\n", CountOf(*plan.begun, "row"));
  PrintLines(context, "DROPPED", plan.dropped);
  PrintLines(context, "changed", plan.changed);
  PrintLines(context, "kept", plan.kept);
}

std::string DoingText(const ConversionProgress& progress, const ConversionPlan& plan,
                      std::chrono::steady_clock::time_point began) {
  switch (progress.doing) {
    case ConversionProgress::Doing::kIndexing:
      return "making the indexes";
    case ConversionProgress::Doing::kCatchingUp:
      return "taking over what has changed meanwhile";
    case ConversionProgress::Doing::kSwapping:
      return "putting the new table in the old one's place";
    case ConversionProgress::Doing::kCopying:
      break;
  }
  std::string text = fmt::format("{}/{} rows", WithThousands(progress.rows), WithThousands(plan.rows));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto done = static_cast<double>(progress.rows - plan.begun.value_or(0));
  if (seconds < 0.5 || done <= 0) return text;
  const double left = static_cast<double>(std::max<std::int64_t>(0, plan.rows - progress.rows)) * seconds / done;
  return text + fmt::format(", {:.0f}/s, {} left", done / seconds,
                            FormatDuration(std::chrono::seconds(static_cast<std::int64_t>(left) + 1)));
}

ExitCode Convert(ConvertFlags& flags, const ConversionPlan& plan, storage::Session& session, Interrupt& interrupt,
                 Context& context) {
  ProgressLine line(context.err, context.err_terminal, !context.json);
  const auto began = std::chrono::steady_clock::now();
  storage::ConversionControl control;
  control.rows_a_step = flags.batch;
  control.stop = [&] { return interrupt.requested(); };
  control.pause = [&] { interrupt.WaitFor(std::chrono::milliseconds{500}); };
  control.progress = [&](const ConversionProgress& progress) {
    const double share = plan.rows > 0 ? static_cast<double>(progress.rows) / static_cast<double>(plan.rows) : 1;
    line.Show(std::min(1.0, share), DoingText(progress, plan, began));
  };
  const auto done = storage::ConvertTable(session, flags.request, control);
  line.End();
  if (!done.ok()) return ReportError(context, "convert " + flags.request.table, AsIfFromServer(done.status()));
  if (!*done) {
    Hint(context, "interrupted; the same command goes on, --abandon takes it back");
    return context.exit_code = kInterrupted;
  }
  if (!context.json) {
    context.out << fmt::format("{} is cut by {} now: one partition for {}\n", flags.request.table,
                               flags.request.time_column, flags.request.interval);
  }
  return kOk;
}

ExitCode RunConvert(ConvertFlags flags, Context& context) {
  Interrupt interrupt;
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  storage::Session session(*conninfo, "convert-table");
  if (flags.abandon) {
    const auto abandoned = storage::AbandonConversion(session, flags.request.table);
    if (!abandoned.ok()) return ReportError(context, "take the conversion back", AsIfFromServer(abandoned.status()));
    Hint(context, *abandoned ? flags.request.table + " is as it was" : "no conversion of it has begun");
    return *abandoned ? kOk : kNegative;
  }
  if (flags.request.time_column.empty()) return ReportUsage(context, "--time-column is required");
  if (flags.compress_after_days > 0) flags.request.compress_after_days = flags.compress_after_days;
  if (flags.retention_days > 0) flags.request.retention_days = flags.retention_days;
  const auto plan = storage::PlanConversion(session, flags.request);
  if (!plan.ok()) return ReportError(context, "look at " + flags.request.table, AsIfFromServer(plan.status()));
  PrintPlan(context, flags, *plan);
  context.out.flush();
  if (!plan->refused.empty()) return kNegative;
  if (flags.dry_run) {
    Hint(context, "nothing was changed");
    return kOk;
  }
  const std::string question = fmt::format(
      "Convert {}? {} dropped, the old table is replaced", flags.request.table,
      plan->dropped.empty() ? "Nothing is"
                            : CountOf(static_cast<std::int64_t>(plan->dropped.size()), "foreign key") + " will be");
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  return Convert(flags, *plan, session, interrupt, context);
}

}  // namespace

void AddConvertTable(CLI::App& app, Context& context) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* command = app.add_subcommand(
      "convert-table", "A plain table of yours, rows included and while it is in use, becomes one that is cut by time");
  command->add_option("TABLE", flags->request.table, "In the schema public")->required();
  AddFlag(*command, "--time-column", flags->request.time_column, "COLUMN", "Cut by it: a timestamptz");
  AddFlag(*command, "--id-column", flags->request.id_column, "COLUMN",
          "Tells the rows apart (default: the primary key)");
  AddFlag(*command, "--chunk-interval", flags->request.interval, "TEXT",
          "Length of a partition, as PostgreSQL writes intervals" + Default(flags->request.interval));
  AddFlag(*command, "--compress-by", flags->request.compress_by, "COLUMN",
          "What rows that are compressed together have in common (default: the id)");
  AddNumber(*command, "--compress-after-days", flags->compress_after_days, 0, 36'500,
            "Where the edition can; 0: never" + Default(flags->compress_after_days));
  AddNumber(
      *command, "--retention-days", flags->retention_days, 0, 36'500,
      "Partitions are archived and dropped so many days after their end; 0: never" + Default(flags->retention_days));
  AddNumber(*command, "--batch", flags->batch, 1, 100'000, "Rows that are copied at once" + Default(flags->batch));
  command->add_flag("--dry-run", flags->dry_run, "Say what would be done, change nothing");
  command->add_flag("--yes", flags->yes, "Do not ask");
  command->add_flag("--abandon", flags->abandon, "Take back what has begun and was not finished");
  flags->database.AddTo(*command);
  AddFooter(*command,
            std::string(kDatabaseHelp) +
                "\nRows are copied beside the table in batches, and changes meanwhile are taken over; only the "
                "swap at the end locks it,\nfor a second at a time. Who is interrupted begins again where it "
                "was. Needs room for the table twice.\n"
                "Exit codes: 0 done, 1 it cannot be converted as it is, or no.\n\n"
                "Examples:\n"
                "  eventctl convert-table readings --time-column taken_at --dry-run\n"
                "  eventctl convert-table readings --time-column taken_at --chunk-interval '7 days' "
                "--compress-by sensor --yes");
  command->callback([flags, &context] { context.exit_code = RunConvert(*flags, context); });
}

}  // namespace eventstore::eventctl
