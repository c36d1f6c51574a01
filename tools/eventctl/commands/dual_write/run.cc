// eventctl dual-write run: brings over what triggers noted, until it is told to stop.
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "server/domain/system_clock.h"
#include "server/moving/forwarder.h"
#include "server/moving/legacy_link.h"
#include "server/moving/move_refused.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/moving/link_rule.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

using moving::Forwarder;
using moving::ForwardStep;

constexpr std::chrono::milliseconds kIdlePause{200};
constexpr std::chrono::milliseconds kErrorPause{2'000};

struct RunFlags {
  DatabaseFlags database;
  int batch = 500;
  bool once = false;
  bool retry = false;
};

struct Totals {
  std::int64_t taken = 0;
  std::int64_t already_there = 0;
  std::int64_t refused = 0;
  std::int64_t mirrored = 0;
};

// A database that is away comes back; anything else is for somebody to look at.
bool MayPass(const absl::Status& status) { return status.code() == absl::StatusCode::kUnavailable; }

absl::Status Loop(Forwarder& forwarder, const RunFlags& flags, Interrupt& interrupt, Context& context, Totals& totals) {
  bool waiting_told = false;
  while (!interrupt.requested()) {
    auto turn = forwarder.TakeTurn();
    if (turn.ok() && !*turn) {
      if (flags.once) {
        return moving::MoveRefused("another `eventctl dual-write run` is at work; end it, or let it do this");
      }
      if (!waiting_told) Hint(context, "another forwarder is at work; waiting to take over from it");
      waiting_told = true;
      interrupt.WaitFor(kErrorPause);
      continue;
    }
    auto step = turn.ok() ? forwarder.Step(flags.batch) : absl::StatusOr<ForwardStep>(turn.status());
    if (!step.ok()) {
      if (!MayPass(step.status()) || flags.once) return step.status();
      Hint(context, std::string(step.status().message()));
      interrupt.WaitFor(kErrorPause);
      continue;
    }
    totals.taken += step->taken;
    totals.already_there += step->already_there;
    totals.refused += step->refused;
    totals.mirrored += step->mirrored;
    if (step->more) continue;
    if (flags.once) break;
    interrupt.WaitFor(kIdlePause);
  }
  return absl::OkStatus();
}

ExitCode RunForwarder(const RunFlags& flags, Context& context) {
  Interrupt interrupt;
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  storage::Session session(*conninfo, "dual-write");
  absl::Status checked = session.EnsureConnected();
  if (checked.ok()) checked = moving::RequireLink(session).status();
  if (!checked.ok()) return ReportError(context, "run dual write", AsIfFromServer(checked));
  session.Disconnect();
  const domain::SystemClock clock;
  Forwarder forwarder(*conninfo, RowRules(clock));
  if (flags.retry) {
    // Connects; whoever has the turn does them.
    auto turn = forwarder.TakeTurn();
    auto retried = turn.ok() ? forwarder.RetryRefused() : absl::StatusOr<std::int64_t>(turn.status());
    if (!retried.ok()) return ReportError(context, "try refused rows again", AsIfFromServer(retried.status()));
    Hint(context, fmt::format("{} refused rows are tried again", *retried));
  }
  if (!flags.once) Hint(context, "bringing rows over; Ctrl-C ends it, and it may be killed at any time");
  Totals totals;
  const absl::Status ended = Loop(forwarder, flags, interrupt, context, totals);
  if (context.json) {
    context.out << JsonObject()
                       .Add("rows", totals.taken)
                       .Add("already_there", totals.already_there)
                       .Add("refused", totals.refused)
                       .Add("mirrored", totals.mirrored)
                       .Text()
                << '\n';
  } else {
    context.out << fmt::format("{} rows brought over ({} were there already), {} refused, {} events mirrored\n",
                               totals.taken, totals.already_there, totals.refused, totals.mirrored);
  }
  if (!ended.ok()) return ReportError(context, "bring rows over", AsIfFromServer(ended));
  return totals.refused > 0 ? kNegative : kOk;
}

}  // namespace

void AddDualWriteRun(CLI::App& dual_write, Context& context) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = dual_write.add_subcommand("run", "Bring over what waits, until it is told to stop");
  flags->database.AddTo(*command);
  AddNumber(*command, "--batch-size", flags->batch, 1, Forwarder::kMaxBatch,
            "Rows in one transaction" + Default(flags->batch));
  command->add_flag("--once", flags->once, "End when nothing waits");
  command->add_flag("--retry", flags->retry, "Try rows again that the store refused");
  AddFooter(*command,
            std::string(kDatabaseHelp) +
                "One works at a time; others wait to take over. Each row comes exactly once, wherever it is killed.\n"
                "Exit code 1: rows were refused; see them with `eventctl dual-write status`.\n\nExamples:\n"
                "  eventctl dual-write run\n"
                "  eventctl dual-write run --once --retry");
  command->callback([flags, &context] { context.exit_code = RunForwarder(*flags, context); });
}

}  // namespace eventstore::eventctl
