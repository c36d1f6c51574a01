// eventctl cutover switch, rollback, drop-legacy: says what it will do, asks, and does it.
#include <fmt/format.h>

#include "server/domain/system_clock.h"
#include "server/moving/cutover_steps.h"
#include "server/moving/legacy_link.h"
#include "tools/eventctl/commands/cutover/cutover.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/operator_name.h"
#include "tools/eventctl/moving/link_rule.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

using domain::CutoverStep;

// What a step will do, in the words of somebody who has to say yes to it.
std::string WillDo(CutoverStep step, const moving::LegacyLink& link, const CutoverFlags& flags) {
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

}  // namespace

ExitCode RunStep(CutoverStep step, const CutoverFlags& flags, Context& context) {
  domain::MoveLimits limits;
  const std::string name(domain::StepName(step));
  const auto conninfo = Prepare(flags, limits);
  if (!conninfo.ok()) return ReportError(context, name, conninfo.status());
  storage::Session session(*conninfo, "cutover");
  absl::Status connected = session.EnsureConnected();
  auto link = connected.ok() ? moving::RequireLink(session) : absl::StatusOr<moving::LegacyLink>(connected);
  if (!link.ok()) return ReportError(context, name, AsIfFromServer(link.status()));
  session.Disconnect();
  const domain::SystemClock clock;
  moving::CutoverSteps steps(*conninfo, OperatorName(), RowRules(clock), PatienceOf(context));
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

}  // namespace eventstore::eventctl
