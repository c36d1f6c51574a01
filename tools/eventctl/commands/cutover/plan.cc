// eventctl cutover plan: where it is, which steps may be taken, and what was done.
#include <fmt/format.h>

#include "server/moving/cutover_log.h"
#include "server/moving/move_facts.h"
#include "tools/eventctl/commands/cutover/cutover.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using domain::CutoverStep;
using domain::MoveCondition;

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

}  // namespace

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

ExitCode RunPlan(const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, "plan the cut-over", conninfo.status());
  storage::Session session(*conninfo, "cutover");
  absl::Status connected = session.EnsureConnected();
  auto facts = connected.ok() ? moving::ReadMoveFacts(session) : absl::StatusOr<domain::MoveFacts>(connected);
  auto log =
      facts.ok() ? moving::ReadLog(session, 20) : absl::StatusOr<std::vector<moving::LoggedStep>>(facts.status());
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
                                                [](const moving::LoggedStep& step) {
                                                  return JsonObject()
                                                      .Add("at", step.at)
                                                      .Add("who", step.who)
                                                      .Add("step", step.step)
                                                      .Add("outcome", moving::OutcomeName(step.outcome))
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
    table.Row({step.at, step.who, step.step, moving::OutcomeName(step.outcome), Printable(step.detail)});
  }
  if (table.rows() > 0) context.out << '\n';
  table.Flush();
  return kOk;
}

}  // namespace eventstore::eventctl
