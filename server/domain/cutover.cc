#include "server/domain/cutover.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "fmt/format.h"

namespace eventstore::domain {
namespace {

constexpr std::array<std::pair<MoveStage, std::string_view>, 5> kStages{{{MoveStage::kNone, "none"},
                                                                         {MoveStage::kLinked, "linked"},
                                                                         {MoveStage::kSwitched, "switched"},
                                                                         {MoveStage::kClosing, "closing"},
                                                                         {MoveStage::kDropped, "dropped"}}};

std::string Ago(TimeMicros time) {
  const std::int64_t seconds = std::max<std::int64_t>(time, 0) / kMicrosPerSecond;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7'200) return fmt::format("{} min", seconds / 60);
  return fmt::format("{} h", seconds / 3'600);
}

MoveCondition Condition(std::string name, bool holds, std::string found, std::string next) {
  return {std::move(name), holds, std::move(found), holds ? "" : std::move(next)};
}

MoveCondition None(std::string name, std::int64_t count, const std::string& of_what, std::string next) {
  return Condition(std::move(name), count == 0, fmt::format("{} {}", count, of_what), std::move(next));
}

MoveCondition Stage(const MoveFacts& facts, std::initializer_list<MoveStage> allowed) {
  const bool holds = std::find(allowed.begin(), allowed.end(), facts.stage) != allowed.end();
  return Condition("stage", holds, fmt::format("the move is at stage {}", StageName(facts.stage)), NextStepText(facts));
}

MoveCondition Checked(const MoveFacts& facts, const MoveLimits& limits) {
  constexpr char kNext[] = "run `eventctl cutover check`";
  if (!facts.check) return Condition("checked", false, "the two sides were never compared", kNext);
  const std::string age = Ago(facts.now - facts.check->at);
  if (!facts.check->clean) {
    return Condition("checked", false, fmt::format("{} ago the two sides differed", age),
                     "mend what `eventctl verify-migration` shows, then run `eventctl cutover check`");
  }
  // What came between an older check and the triggers was noted by nobody.
  if (facts.check->at < facts.installed_at) {
    return Condition("checked", false, "the last check is older than dual write", kNext);
  }
  return Condition("checked", facts.now - facts.check->at <= limits.max_check_age,
                   fmt::format("clean {} ago; at most {} may have passed", age, Ago(limits.max_check_age)), kNext);
}

// Of any age: after the switch it is the store that counts, and the legacy table follows.
MoveCondition OnceChecked(const MoveFacts& facts) {
  return Condition("checked", facts.check && facts.check->clean && facts.check->at >= facts.installed_at,
                   facts.check && facts.check->clean ? "the two sides were compared and agreed"
                                                     : "the two sides never agreed since dual write began",
                   "run `eventctl cutover check`");
}

MoveCondition Lag(const MoveFacts& facts, std::int64_t most) {
  return Condition(
      "lag", facts.waiting_rows <= most,
      fmt::format("{} rows of the legacy table are not in the store yet; at most {} may be", facts.waiting_rows, most),
      "let `eventctl dual-write run` catch up");
}

MoveCondition Refused(const MoveFacts& facts) {
  return None("refused", facts.refused_rows, "rows are refused by the store",
              "see why with `eventctl dual-write status`; try again with `eventctl dual-write run --retry`");
}

MoveCondition Held(const MoveFacts& facts) {
  return None("types", facts.held_rows, "rows or events wait because their type is switched off",
              "switch it on with `eventctl dual-write enable TYPE`");
}

MoveCondition Failed(const MoveFacts& facts) {
  return None("mirrored", facts.failed_events, "events of the store are missing in the legacy table",
              "mend the cause that `eventctl dual-write status` shows; `eventctl dual-write run` tries again");
}

MoveCondition Changed(const MoveFacts& facts, const MoveLimits& limits) {
  return Condition("changes", facts.changed_rows == 0 || limits.accept_changes,
                   fmt::format("{} rows were updated or deleted in the legacy table{}", facts.changed_rows,
                               facts.changed_rows > 0 && limits.accept_changes ? ", which is accepted" : ""),
                   "events do not change: put the rows back, or say --accept-changes");
}

std::vector<MoveCondition> OfSwitch(const MoveFacts& facts, const MoveLimits& limits) {
  return {Stage(facts, {MoveStage::kLinked}),
          Checked(facts, limits),
          Lag(facts, limits.max_waiting_rows),
          Refused(facts),
          Held(facts),
          Failed(facts),
          Changed(facts, limits),
          Condition("name", !facts.new_name_taken,
                    facts.new_name_taken ? "the name that the legacy table would get is taken"
                                         : "the name that the legacy table would get is free",
                    "rename or drop what has it")};
}

std::vector<MoveCondition> OfRollback(const MoveFacts& facts) {
  return {Stage(facts, {MoveStage::kSwitched}), Failed(facts), Held(facts),
          Condition("view", facts.view_in_place, facts.view_in_place ? "the view is in its place" : "the view is gone",
                    "make it anew with SELECT legacy_install_view()")};
}

std::vector<MoveCondition> OfDropLegacy(const MoveFacts& facts, const MoveLimits& limits) {
  const bool quiet = !facts.last_old_write || facts.now - *facts.last_old_write >= limits.quiet;
  std::string written = "nobody has written through the view";
  if (facts.last_old_write) {
    written = fmt::format("the last write through the view was {} ago; {} have to pass",
                          Ago(facts.now - *facts.last_old_write), Ago(limits.quiet));
  }
  return {Stage(facts, {MoveStage::kSwitched, MoveStage::kClosing}),
          OnceChecked(facts),
          Lag(facts, 0),
          Refused(facts),
          Held(facts),
          Changed(facts, limits),
          Condition("dependents", facts.dependents.empty(),
                    facts.dependents.empty() ? "nothing depends on the legacy table"
                                             : fmt::format("on the legacy table depends: {}", facts.dependents),
                    "drop it, or make it depend on the view"),
          Condition("quiet", quiet, std::move(written),
                    "let the old writers append to the store, or say a shorter --quiet")};
}

}  // namespace

std::string_view StageName(MoveStage stage) { return kStages.at(static_cast<std::size_t>(stage)).second; }

std::optional<MoveStage> StageOf(std::string_view name) {
  const auto* found = std::find_if(kStages.begin(), kStages.end(), [&](const auto& one) { return one.second == name; });
  if (found == kStages.end()) return std::nullopt;
  return found->first;
}

std::string_view StepName(CutoverStep step) {
  switch (step) {
    case CutoverStep::kCheck:
      return "check";
    case CutoverStep::kSwitch:
      return "switch";
    case CutoverStep::kRollback:
      return "rollback";
    case CutoverStep::kDropLegacy:
      return "drop-legacy";
  }
  return "";
}

std::vector<MoveCondition> ConditionsOf(CutoverStep step, const MoveFacts& facts, const MoveLimits& limits) {
  switch (step) {
    case CutoverStep::kCheck:
      return {Stage(facts, {MoveStage::kLinked, MoveStage::kSwitched})};
    case CutoverStep::kSwitch:
      return OfSwitch(facts, limits);
    case CutoverStep::kRollback:
      return OfRollback(facts);
    case CutoverStep::kDropLegacy:
      return OfDropLegacy(facts, limits);
  }
  return {};
}

bool AllHold(const std::vector<MoveCondition>& conditions) {
  return std::all_of(conditions.begin(), conditions.end(), [](const MoveCondition& one) { return one.holds; });
}

std::string NextStepText(const MoveFacts& facts) {
  switch (facts.stage) {
    case MoveStage::kNone:
      return "link the legacy table with `eventctl dual-write install`";
    case MoveStage::kLinked:
      return "`eventctl cutover check`, then `eventctl cutover switch`";
    case MoveStage::kSwitched:
      return "`eventctl cutover rollback`, or `eventctl cutover drop-legacy` when nobody needs the table";
    case MoveStage::kClosing:
      return "`eventctl cutover drop-legacy` goes on where it was interrupted";
    case MoveStage::kDropped:
      return "nothing is left to do; `eventctl dual-write remove` forgets the link";
  }
  return "";
}

}  // namespace eventstore::domain
