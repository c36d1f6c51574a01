// Moving from a legacy table to the store, step by step: which step may be taken now, and what stands in the way. Pure:
// facts in, conditions out; server/moving finds the facts and takes the steps.
//
//   none -> linked <-> switched -> closing -> dropped
//
//   none      no legacy table is linked
//   linked    the legacy table is the one that counts; triggers write to the other side as well
//   switched  the store is; a view has the table's name, and the table, renamed, is still written to
//   closing   nothing is written to the legacy table any more; there is no way back
//   dropped   it is gone, and an archive holds it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/time.h"

namespace eventstore::domain {

enum class MoveStage { kNone, kLinked, kSwitched, kClosing, kDropped };
enum class CutoverStep { kCheck, kSwitch, kRollback, kDropLegacy };

// "linked" and so on, as in the table legacy_link; "none" when there is none.
std::string_view StageName(MoveStage stage);
std::optional<MoveStage> StageOf(std::string_view name);
// "check", "switch", "rollback", "drop-legacy".
std::string_view StepName(CutoverStep step);

// The newest comparison of the two sides.
struct MoveCheck {
  TimeMicros at = 0;
  bool clean = false;
};

struct MoveFacts {
  MoveStage stage = MoveStage::kNone;
  TimeMicros now = 0;           // by the database's clock
  TimeMicros installed_at = 0;  // when the triggers came
  std::optional<MoveCheck> check;

  std::int64_t waiting_rows = 0;             // of the legacy table, on their way to the store
  std::int64_t refused_rows = 0;             // of the legacy table, that the store does not take
  std::int64_t held_rows = 0;                // on either side, of types that are switched off
  std::int64_t failed_events = 0;            // of the store, that are not in the legacy table
  std::int64_t changed_rows = 0;             // that were updated or deleted in the legacy table
  bool new_name_taken = false;               // something has the name that the legacy table would get
  bool view_in_place = true;                 // what has the legacy table's old name is our view
  std::string dependents;                    // what would keep the legacy table from being dropped; "": nothing
  std::optional<TimeMicros> last_old_write;  // through the view, since the switch
};

struct MoveLimits {
  // A check is good for so long.
  TimeMicros max_check_age = kMicrosPerDay;
  // So many rows may be on their way when the switch begins. It brings them over before it blocks anybody.
  std::int64_t max_waiting_rows = 10'000;
  // Nobody may have written through the view for so long before its table is dropped.
  TimeMicros quiet = kMicrosPerDay;
  // The operator knows that rows were changed in the legacy table, and the store keeps them as they were.
  bool accept_changes = false;
};

struct MoveCondition {
  std::string name;  // "checked", "lag" and so on: stable, for programs
  bool holds = false;
  std::string found;  // what is so, for people
  std::string next;   // what to do about it; empty when it holds
};

// In a fixed order. Which step may be taken is their conjunction.
std::vector<MoveCondition> ConditionsOf(CutoverStep step, const MoveFacts& facts, const MoveLimits& limits);
bool AllHold(const std::vector<MoveCondition>& conditions);

// Where it is and which step comes next, for people.
std::string NextStepText(const MoveFacts& facts);

}  // namespace eventstore::domain
