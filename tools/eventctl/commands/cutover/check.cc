// eventctl cutover check: all rows and events of both sides, compared at one moment.
#include <fmt/format.h>

#include "server/domain/system_clock.h"
#include "server/moving/cutover_steps.h"
#include "server/moving/move_check.h"
#include "tools/eventctl/commands/cutover/cutover.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/operator_name.h"
#include "tools/eventctl/moving/link_rule.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {

ExitCode RunCheck(const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, "check the cut-over", conninfo.status());
  const domain::SystemClock clock;
  moving::CutoverSteps steps(*conninfo, OperatorName(), RowRules(clock), PatienceOf(context));
  const auto found = moving::CompareWithLegacy(*conninfo);
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
                                         [](const moving::MoveDifference& one) {
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

}  // namespace eventstore::eventctl
