// eventctl cutover: from a legacy table to the store, a step at a time.
#include "tools/eventctl/commands/cutover/cutover.h"

#include <memory>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/duration.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {
namespace {

using domain::CutoverStep;

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

absl::StatusOr<std::string> Prepare(const CutoverFlags& flags, domain::MoveLimits& limits) {
  limits = flags.limits;
  const auto age = ParseDuration(flags.max_check_age);
  const auto quiet = ParseDuration(flags.quiet);
  if (!age || !quiet) return absl::InvalidArgumentError("--max-check-age and --quiet take durations, as 30m or 24h");
  limits.max_check_age = std::chrono::microseconds(*age).count();
  limits.quiet = std::chrono::microseconds(*quiet).count();
  return FindDatabase(flags.database);
}

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
