// eventctl cutover: from a legacy table to the store, a step at a time.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/cutover.h"
#include "server/storage/legacy/cutover_log.h"
#include "server/storage/legacy/cutover_steps.h"
#include "server/storage/legacy/legacy_link.h"
#include "server/storage/legacy/move_check.h"
#include "server/storage/legacy/move_facts.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/operator_name.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using domain::CutoverStep;
using domain::MoveCondition;

struct CutoverFlags {
  DatabaseFlags database;
  domain::MoveLimits limits;
  std::string max_check_age = "24h";
  std::string quiet = "24h";
  std::string old_writers = "forward";
  std::string archive;
  bool yes = false;
};

std::string ConditionsJson(const std::vector<MoveCondition>& conditions) {
  return JsonArray(conditions, [](const MoveCondition& condition) {
    return JsonObject()
        .Add("name", condition.name)
        .Add("holds", condition.holds)
        .Add("found", condition.found)
        .AddOrNull("next", condition.next)
        .Text();
  });
}

void PrintConditions(const std::string& step, const std::vector<MoveCondition>& conditions, Context& context) {
  const Style style = context.out_style();
  context.out << fmt::format("{}: {}\n", step,
                             domain::AllHold(conditions) ? style.Green("may be taken") : style.Red("may not be taken"));
  for (const MoveCondition& condition : conditions) {
    context.out << fmt::format("  {} {:<9} {}\n", condition.holds ? style.Green("yes") : style.Red("no "),
                               condition.name, condition.found);
    if (!condition.holds) context.out << fmt::format("      next: {}\n", condition.next);
  }
}

// The flags of a step, and what they come to.
absl::StatusOr<std::string> Prepare(const CutoverFlags& flags, domain::MoveLimits& limits) {
  limits = flags.limits;
  const auto age = ParseDuration(flags.max_check_age);
  const auto quiet = ParseDuration(flags.quiet);
  if (!age || !quiet) return absl::InvalidArgumentError("--max-check-age and --quiet take durations, as 30m or 24h");
  limits.max_check_age = std::chrono::microseconds(*age).count();
  limits.quiet = std::chrono::microseconds(*quiet).count();
  return FindDatabase(flags.database);
}

ExitCode RunPlan(const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, "plan the cut-over", conninfo.status());
  storage::Session session(*conninfo, "cutover");
  absl::Status connected = session.EnsureConnected();
  auto facts = connected.ok() ? storage::ReadMoveFacts(session) : absl::StatusOr<domain::MoveFacts>(connected);
  auto log =
      facts.ok() ? storage::ReadLog(session, 20) : absl::StatusOr<std::vector<storage::LoggedStep>>(facts.status());
  if (!log.ok()) return ReportError(context, "plan the cut-over", AsIfFromServer(log.status()));
  JsonObject steps;
  if (!context.json) {
    context.out << fmt::format("stage: {}\nnext: {}\n\n", domain::StageName(facts->stage),
                               domain::NextStepText(*facts));
  }
  for (const CutoverStep step : {CutoverStep::kSwitch, CutoverStep::kRollback, CutoverStep::kDropLegacy}) {
    const auto conditions = ConditionsOf(step, *facts, limits);
    if (context.json) {
      steps.AddRaw(domain::StepName(step), ConditionsJson(conditions));
    } else {
      PrintConditions(std::string(domain::StepName(step)), conditions, context);
    }
  }
  if (context.json) {
    context.out << JsonObject()
                       .Add("stage", domain::StageName(facts->stage))
                       .AddRaw("steps", steps.Text())
                       .AddRaw("log", JsonArray(*log,
                                                [](const storage::LoggedStep& step) {
                                                  return JsonObject()
                                                      .Add("at", step.at)
                                                      .Add("who", step.who)
                                                      .Add("step", step.step)
                                                      .Add("outcome", storage::OutcomeName(step.outcome))
                                                      .Add("detail", step.detail)
                                                      .Text();
                                                }))
                       .Text()
                << '\n';
    return kOk;
  }
  Table table(context.out, context.out_terminal,
              {{.heading = "AT (UTC)"},
               {.heading = "WHO"},
               {.heading = "STEP"},
               {.heading = "OUTCOME"},
               {.heading = "DETAIL"}});
  for (const auto& step : *log) {
    table.Row({step.at, step.who, step.step, storage::OutcomeName(step.outcome), Printable(step.detail)});
  }
  if (table.rows() > 0) context.out << '\n';
  table.Flush();
  return kOk;
}

ExitCode RunCheck(const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, "check the cut-over", conninfo.status());
  storage::CutoverSteps steps(*conninfo, OperatorName(), PatienceOf(context));
  const auto found = storage::CompareWithLegacy(*conninfo);
  if (!found.ok()) return ReportError(context, "compare the two sides", AsIfFromServer(found.status()));
  const std::string text =
      fmt::format("{} rows, {} events, {} on their way; {} not in the store, {} not in the legacy table, {} different",
                  found->legacy_rows, found->store_events, found->waiting, found->missing_in_store,
                  found->missing_in_legacy, found->different);
  if (absl::Status logged = steps.RecordCheck(found->clean(), text); !logged.ok()) {
    return ReportError(context, "check the cut-over", AsIfFromServer(logged));
  }
  if (context.json) {
    context.out << JsonObject()
                       .Add("clean", found->clean())
                       .Add("legacy_rows", found->legacy_rows)
                       .Add("store_events", found->store_events)
                       .Add("waiting", found->waiting)
                       .Add("missing_in_store", found->missing_in_store)
                       .Add("missing_in_legacy", found->missing_in_legacy)
                       .Add("different", found->different)
                       .AddRaw("examples",
                               JsonArray(found->examples,
                                         [](const storage::MoveDifference& one) {
                                           return JsonObject().Add("kind", one.kind).Add("id", one.id).Text();
                                         }))
                       .Text()
                << '\n';
  } else {
    const Style style = context.out_style();
    context.out << fmt::format("{}: {}\n", found->clean() ? style.Green("clean") : style.Red("DIFFERENT"), text);
    for (const auto& one : found->examples) context.out << fmt::format("  {} {}\n", one.kind, one.id);
  }
  return found->clean() ? kOk : kNegative;
}

// What a step will do, in the words of somebody who has to say yes to it.
std::string WillDo(CutoverStep step, const storage::LegacyLink& link, const CutoverFlags& flags) {
  const std::string now = link.QualifiedTable();
  const std::string name = fmt::format("{}.{}", link.schema, link.original_table);
  switch (step) {
    case CutoverStep::kSwitch:
      return fmt::format(
          "This will bring over what is on its way, lock {0} for that moment, rename it to {0}_legacy, and make {0} a "
          "view "
          "over the store. New events are written to both; INSERTs into the view are {1}.",
          name, flags.old_writers == "forward" ? "forwarded" : "refused");
    case CutoverStep::kRollback:
      return fmt::format(
          "This will drop the view {} and give its name back to {}, which has all events appended since.", name, now);
    default:
      return fmt::format(
          "This will end writing to {}, archive it into {}, check the archive, and DROP the table. There is no way "
          "back.",
          now, flags.archive);
  }
}

ExitCode RunStep(CutoverStep step, const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const std::string name(domain::StepName(step));
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, name, conninfo.status());
  storage::Session session(*conninfo, "cutover");
  absl::Status connected = session.EnsureConnected();
  auto link = connected.ok() ? storage::RequireLink(session) : absl::StatusOr<storage::LegacyLink>(connected);
  if (!link.ok()) return ReportError(context, name, AsIfFromServer(link.status()));
  session.Disconnect();
  storage::CutoverSteps steps(*conninfo, OperatorName(), PatienceOf(context));
  const auto conditions = steps.Conditions(step, limits);
  if (!conditions.ok()) return ReportError(context, name, AsIfFromServer(conditions.status()));
  if (!context.json) PrintConditions(name, *conditions, context);
  // One that is refused is tried all the same: the log shall have it.
  if (domain::AllHold(*conditions)) {
    Hint(context, WillDo(step, *link, flags));
    if (!Confirm(context, "Go on?", flags.yes)) return context.exit_code;
  }
  std::string text = "done";
  absl::Status done;
  switch (step) {
    case CutoverStep::kSwitch:
      done = steps.Switch(limits, flags.old_writers == "forward");
      text = "switched: the store counts, and the legacy table follows";
      break;
    case CutoverStep::kRollback:
      done = steps.Rollback(limits);
      text = "rolled back: the legacy table counts, and has all that was appended";
      break;
    default: {
      const auto dropped = steps.DropLegacy(limits, flags.archive);
      done = dropped.status();
      if (dropped.ok()) {
        text = fmt::format("dropped {}; {} in {} ({} bytes)", link->QualifiedTable(), CountOf(dropped->rows, "row"),
                           dropped->archive, dropped->bytes);
      }
    }
  }
  if (!done.ok()) {
    ReportError(context, name, AsIfFromServer(done));
    if (domain::AllHold(*conditions)) return context.exit_code;
    return context.exit_code = kNegative;
  }
  if (context.json) {
    context.out << JsonObject().Add("done", name).Add("detail", text).Text() << '\n';
  } else {
    context.out << text << '\n';
  }
  return kOk;
}

CLI::App* AddStep(CLI::App& cutover, const char* name, const char* help, const std::shared_ptr<CutoverFlags>& flags) {
  CLI::App* command = cutover.add_subcommand(name, help);
  flags->database.AddTo(*command);
  return command;
}

void AddLimits(CLI::App& command, CutoverFlags& flags) {
  command.add_flag("--accept-changes", flags.limits.accept_changes,
                   "Rows were changed in the legacy table, and the store may keep them as they were");
}

}  // namespace

void AddCutover(CLI::App& app, Context& context) {
  CLI::App* cutover = app.add_subcommand("cutover", "From a legacy table to the store, a step at a time");
  cutover->require_subcommand(1);
  AddFooter(*cutover,
            "Each step is refused when a condition does not hold (exit code 1), asks before it does something, and is "
            "written "
            "to the\ntable cutover_log.\n\nExamples:\n"
            "  eventctl cutover plan\n"
            "  eventctl cutover check && eventctl cutover switch --yes\n"
            "  eventctl cutover rollback\n"
            "  eventctl cutover drop-legacy --archive /var/backups");

  auto plan = std::make_shared<CutoverFlags>();
  CLI::App* command = AddStep(*cutover, "plan", "Where it is, which steps may be taken, and what was done", plan);
  AddFooter(*command,
            std::string(kDatabaseHelp) + "Changes nothing.\n\nExamples:\n  eventctl cutover plan --json | jq .steps");
  command->callback([plan, &context] { context.exit_code = RunPlan(*plan, context); });

  auto check = std::make_shared<CutoverFlags>();
  command = AddStep(*cutover, "check", "Compare all rows and events, and note the result for `switch`", check);
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "Reads both sides whole, at one moment; everybody goes on. Exit code 1: they differ.\n\n"
                          "Examples:\n  eventctl cutover check");
  command->callback([check, &context] { context.exit_code = RunCheck(*check, context); });

  auto change = std::make_shared<CutoverFlags>();
  command = AddStep(*cutover, "switch", "The store counts, and a view gets the table's name", change);
  AddDuration(*command, "--max-check-age", change->max_check_age,
              "A clean check may be so old" + Default(change->max_check_age));
  AddNumber(*command, "--max-waiting", change->limits.max_waiting_rows, 0, 1'000'000,
            "So many rows may be on their way when it begins" + Default(change->limits.max_waiting_rows));
  AddFlag(*command, "--old-writers", change->old_writers, "WHAT",
          "INSERTs into the view: forward them to the store, or refuse them" + Default(change->old_writers))
      ->check(CLI::IsMember({"forward", "refuse"}));
  AddLimits(*command, *change);
  command->add_flag("--yes", change->yes, "Do not ask");
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "Waits for locks a second at a time, and lets everybody on in between.\n\n"
                          "Examples:\n  eventctl cutover switch --yes --old-writers refuse");
  command->callback([change, &context] { context.exit_code = RunStep(CutoverStep::kSwitch, *change, context); });

  auto back = std::make_shared<CutoverFlags>();
  command = AddStep(*cutover, "rollback", "The legacy table counts again, with all that was appended", back);
  command->add_flag("--yes", back->yes, "Do not ask");
  AddFooter(*command, std::string(kDatabaseHelp) + "\nExamples:\n  eventctl cutover rollback --yes");
  command->callback([back, &context] { context.exit_code = RunStep(CutoverStep::kRollback, *back, context); });

  auto drop = std::make_shared<CutoverFlags>();
  command = AddStep(*cutover, "drop-legacy", "Archive the legacy table, check the archive, drop the table", drop);
  AddFlag(*command, "--archive", drop->archive, "DIR", "Where the archive file goes")->required();
  AddDuration(*command, "--quiet", drop->quiet,
              "Nobody may have written through the view for so long" + Default(drop->quiet));
  AddLimits(*command, *drop);
  command->add_flag("--yes", drop->yes, "Do not ask");
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "The archive is JSON lines in zstd, with a .sha256 beside it.\n\n"
                          "Examples:\n  eventctl cutover drop-legacy --archive /var/backups --yes");
  command->callback([drop, &context] { context.exit_code = RunStep(CutoverStep::kDropLegacy, *drop, context); });
}

}  // namespace eventstore::eventctl
