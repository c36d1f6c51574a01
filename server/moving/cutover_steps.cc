#include "server/moving/cutover_steps.h"

#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/moving/cutover_log.h"
#include "server/moving/legacy_archive.h"
#include "server/moving/legacy_link.h"
#include "server/moving/legacy_locks.h"
#include "server/moving/move_facts.h"
#include "server/moving/move_refused.h"

namespace eventstore::moving {
namespace {

using storage::Query;
using storage::Session;

using domain::CutoverStep;
using domain::MoveCondition;
using domain::MoveLimits;

constexpr int kBatch = 2'000;
// So few rows are left to the time in which writers wait.
constexpr int kFewRows = 100;
// Many batches: old writers that are faster than the forwarder are for the operator to see.
constexpr int kMaxCatchUp = 200;

const Query kTakeTurn{"cutover_turn", "SELECT pg_try_advisory_lock($1::integer, $2::integer)"};
// LOCK takes no parameters: the name is quoted by PostgreSQL.
const Query kLockText{"cutover_lock_text",
                      "SELECT format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', legacy_schema, legacy_table) "
                      "FROM legacy_link"};
const Query kSwitch{"cutover_switch", "SELECT legacy_switch($1)"};
const Query kLockView{"cutover_lock_view", "SELECT legacy_lock_view()"};
const Query kRollback{"cutover_rollback", "SELECT legacy_rollback()"};
const Query kClose{"cutover_close", "SELECT legacy_close()"};
const Query kDrop{"cutover_drop", "SELECT legacy_drop()"};
// All of them: LIMIT of the largest integer.
const Query kMirrorAll{"cutover_mirror_all",
                       "SELECT CASE WHEN to_regproc('legacy_mirror_waiting') IS NOT NULL THEN "
                       "(SELECT count(*) FROM legacy_failed) END"};
const Query kMirror{"cutover_mirror", "SELECT legacy_mirror_waiting(2147483647)"};

absl::Status LockLegacyTable(Session& session) {
  auto text = session.Run(kLockText, {});
  if (!text.ok()) return text.status();
  if (text->empty()) return RequireLink(session).status();
  return session.RunScript((*text)[0][0].c_str()).status();
}

std::string Failing(const std::vector<MoveCondition>& conditions) {
  std::string text;
  for (const MoveCondition& condition : conditions) {
    if (condition.holds) continue;
    text += fmt::format("{}{} ({})", text.empty() ? "" : "; ", condition.found, condition.next);
  }
  return text;
}

}  // namespace

absl::Status CutoverSteps::TakeTurn() {
  auto taken = session_.Run(kTakeTurn, {std::to_string(kLegacyLockClass), std::to_string(kCutoverLock)});
  if (!taken.ok()) return taken.status();
  if ((*taken)[0][0].as<bool>()) return absl::OkStatus();
  return MoveRefused("another step of the cut-over is being taken; wait for it to end");
}

absl::StatusOr<std::vector<MoveCondition>> CutoverSteps::Conditions(CutoverStep step, const MoveLimits& limits) {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  auto facts = ReadMoveFacts(session_);
  if (!facts.ok()) return facts.status();
  return ConditionsOf(step, *facts, limits);
}

absl::Status CutoverSteps::Require(CutoverStep step, const MoveLimits& limits) {
  auto conditions = Conditions(step, limits);
  if (!conditions.ok()) return conditions.status();
  if (AllHold(*conditions)) return absl::OkStatus();
  return MoveRefused(fmt::format("{} is refused: {}", domain::StepName(step), Failing(*conditions)));
}

absl::Status CutoverSteps::Logged(const char* step, const absl::Status& status) {
  if (status.ok()) return status;
  const bool refused = IsMoveRefused(status);
  // What happened counts for more than that it could not be written down.
  if (session_.EnsureConnected().ok()) {
    LogStep(session_,
            {who_, step, refused ? StepOutcome::kRefused : StepOutcome::kFailed, std::string(status.message())})
        .IgnoreError();
  }
  return status;
}

absl::Status CutoverSteps::RecordCheck(bool clean, const std::string& detail) {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (absl::Status checked = Require(CutoverStep::kCheck, {}); !checked.ok()) return checked;
  return LogStep(session_, {who_, "check", clean ? StepOutcome::kDone : StepOutcome::kRefused, detail});
}

// While everybody goes on writing.
absl::Status CutoverSteps::CatchUp() {
  for (int i = 0; i < kMaxCatchUp; ++i) {
    auto step = forwarder_.Step(kBatch);
    if (!step.ok()) return step.status();
    if (step->taken < kFewRows) break;
  }
  return absl::OkStatus();
}

// In a transaction of session_. Appends go on until the lanes are taken, at the end: they may be needed for the rows.
absl::Status CutoverSteps::LockAndDrain(const MoveLimits& limits) {
  if (absl::Status locked = LockLegacyTable(session_); !locked.ok()) return locked;
  for (std::int64_t taken = 0; taken <= 2 * limits.max_waiting_rows;) {
    auto step = forwarder_.Step(kBatch, /*settled_only=*/false);
    if (!step.ok()) return step.status();
    taken += step->taken;
    if (step->taken == 0) break;
  }
  return TakeAllLanes(session_);
}

absl::Status CutoverSteps::RequireNothingLeft(bool mirrored_too) {
  if (mirrored_too) {
    auto waiting = session_.Run(kMirrorAll, {});
    if (!waiting.ok()) return waiting.status();
    if (!(*waiting)[0][0].is_null() && (*waiting)[0][0].as<std::int64_t>() > 0) {
      if (absl::Status mirrored = session_.Run(kMirror, {}).status(); !mirrored.ok()) return mirrored;
    }
  }
  auto facts = ReadMoveFacts(session_);
  if (!facts.ok()) return facts.status();
  const std::int64_t left =
      facts->waiting_rows + facts->refused_rows + facts->held_rows + (mirrored_too ? facts->failed_events : 0);
  if (left == 0) return absl::OkStatus();
  return MoveRefused(
      fmt::format("with both sides locked {} rows or events could not be brought over; everything is as it was. "
                  "See `eventctl dual-write status`",
                  left));
}

absl::Status CutoverSteps::Switch(const MoveLimits& limits, bool forward_old_writers) {
  absl::Status done = TakeTurn();
  if (done.ok()) done = Require(CutoverStep::kSwitch, limits);
  if (done.ok()) done = CatchUp();
  if (!done.ok()) return Logged("switch", done);
  done = WithLockTimeout(session_, patience_, [&]() -> absl::Status {
    absl::Status step = LockAndDrain(limits);
    if (step.ok()) step = session_.Run(kSwitch, {forward_old_writers ? "forward" : "refuse"}).status();
    if (step.ok()) step = RequireNothingLeft(true);
    if (!step.ok()) return step;
    return LogStep(session_, {who_, "switch", StepOutcome::kDone,
                              forward_old_writers ? "old writers are forwarded" : "old writers are refused"});
  });
  return Logged("switch", done);
}

absl::Status CutoverSteps::Rollback(const MoveLimits& limits) {
  absl::Status done = TakeTurn();
  if (done.ok()) done = CatchUp();  // what failed to be mirrored is tried again, too
  if (done.ok()) done = Require(CutoverStep::kRollback, limits);
  if (!done.ok()) return Logged("rollback", done);
  done = WithAllLanes(session_, patience_, [&]() -> absl::Status {
    // The view before the table, as old writers take them: otherwise one of them and this would wait for each other, and
    // PostgreSQL would refuse the writer.
    absl::Status step = session_.Run(kLockView, {}).status();
    if (step.ok()) step = LockLegacyTable(session_);
    // Mirrored, above all. Rows that old writers brought are in the legacy table, and may still be on their way here.
    if (step.ok()) step = session_.Run(kMirror, {}).status();
    if (step.ok()) step = Require(CutoverStep::kRollback, limits);
    if (step.ok()) step = session_.Run(kRollback, {}).status();
    if (!step.ok()) return step;
    return LogStep(session_, {who_, "rollback", StepOutcome::kDone, "the legacy table is the one that counts"});
  });
  return Logged("rollback", done);
}

absl::Status CutoverSteps::Close(const MoveLimits& limits) {
  if (absl::Status caught_up = CatchUp(); !caught_up.ok()) return caught_up;
  return WithLockTimeout(session_, patience_, [&]() -> absl::Status {
    absl::Status step = LockAndDrain(limits);
    if (step.ok()) step = RequireNothingLeft(false);
    if (step.ok()) step = session_.Run(kClose, {}).status();
    if (!step.ok()) return step;
    return LogStep(session_, {who_, "close", StepOutcome::kDone, "nothing is written to the legacy table any more"});
  });
}

absl::StatusOr<CutoverSteps::Dropped> CutoverSteps::DropLegacy(const MoveLimits& limits, const std::string& folder) {
  absl::Status done = TakeTurn();
  if (done.ok()) done = Require(CutoverStep::kDropLegacy, limits);
  absl::StatusOr<LegacyLink> link = RequireLink(session_);
  if (done.ok() && !link.ok()) done = link.status();
  // Before there is no way back: that there is a place for the archive.
  if (done.ok()) done = CheckArchiveFolder(folder);
  if (done.ok() && link->stage == domain::MoveStage::kSwitched) done = Close(limits);
  if (!done.ok()) return Logged("drop-legacy", done);

  auto archive = ArchiveLegacyTable(session_, folder);
  if (!archive.ok()) return Logged("drop-legacy", archive.status());
  done = LogStep(session_,
                 {who_, "archive", StepOutcome::kDone,
                  fmt::format("{} rows in {}, SHA-256 {}", archive->content.rows, archive->path, archive->sha256)});
  if (!done.ok()) return done;
  done = WithLockTimeout(session_, patience_, [&]() -> absl::Status {
    absl::Status step = LockLegacyTable(session_);
    if (step.ok()) step = RequireArchived(session_, *archive);
    if (step.ok()) step = session_.Run(kDrop, {}).status();
    if (!step.ok()) return step;
    return LogStep(session_, {who_, "drop-legacy", StepOutcome::kDone,
                              fmt::format("dropped {}, {} rows are in {}", link->QualifiedTable(),
                                          archive->content.rows, archive->path)});
  });
  if (!done.ok()) return Logged("drop-legacy", done);
  return Dropped{archive->path, archive->content.rows, archive->bytes};
}

}  // namespace eventstore::moving
