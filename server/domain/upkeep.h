// When a task of the housekeeper is to run next, and when it has not run for too long. Pure: what was done is read from the
// database each time, so every instance comes to the same result, and one that starts goes on where another ended.
#pragma once

#include <chrono>
#include <optional>

#include "server/domain/schedule.h"
#include "server/domain/task_run.h"
#include "server/domain/time.h"

namespace eventstore::domain {

struct RetryPolicy {
  std::chrono::seconds first{60};
  std::chrono::seconds longest{3'600};
  // After so many failures in a row the task waits for its schedule.
  int most = 6;
};

// Doubled after each failure. Nothing: no further attempt. `failures` in a row, from 1.
std::optional<std::chrono::seconds> PauseAfter(const RetryPolicy& policy, int failures);

struct TaskHistory {
  Schedule schedule;
  bool enabled = true;
  TimeMicros known_since = 0;
  // Runs up to here are done with; nothing: it never ran. Runs of operators do not count, here and below.
  std::optional<TimeMicros> served;
  int failures = 0;  // in a row
  // When the last of them ended, unless something else came after it.
  std::optional<TimeMicros> failed_at;
  // The last run did not come to its end: its server went away.
  bool interrupted = false;
  bool always_at_start = false;
};

struct NextRun {
  TimeMicros at = 0;  // not after now: it is due
  RunTrigger trigger = RunTrigger::kSchedule;
  int attempt = 1;
  // The time of the schedule, for the other instances.
  std::optional<TimeMicros> due_at;

  bool operator==(const NextRun&) const = default;
};

// `starting`: the server has just begun; what never ran, or was missed meanwhile, is due at once. Nothing: never.
//
// Clocks of several machines differ a little: a run for 02:00 is done with, also for one whose clock says 01:59:58. But
// `served` more than an hour ahead comes of a clock that had jumped: it counts as now, so that a run is repeated rather
// than left out.
std::optional<NextRun> PlanNextRun(const TaskHistory& history, const RetryPolicy& policy, TimeMicros now,
                                   bool starting);

// Whether a task should have succeeded by now: its schedule came after it last did (or, if it never has, after it was
// first known), and `grace` has passed since, which is time enough to run and to try again.
bool IsOverdue(const Schedule& schedule, TimeMicros last_success, std::chrono::seconds grace, TimeMicros now);

}  // namespace eventstore::domain
