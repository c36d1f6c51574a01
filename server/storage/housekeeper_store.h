// The housekeeper's rows: which task runs when (housekeeper_tasks), and every run (housekeeper_runs). Times are the
// database's, one clock for all instances.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/task_run.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// What the scheduler has to know of a task, and what people want to.
struct TaskState {
  domain::TaskPlan plan;
  // The latest time of the schedule, or start, that any run but an operator's was for: what lies before is done with.
  std::optional<domain::TimeMicros> served;
  std::optional<domain::TimeMicros> last_success;  // when it started
  std::optional<domain::TaskRun> last;             // of any kind; a dry run is one, too
  // Of runs but an operator's: how many failed in a row up to now; when the last one ended, if it failed; and whether the
  // last one was ended by the end of its server.
  int failures = 0;
  std::optional<domain::TimeMicros> failed_at;
  bool interrupted = false;
};

// The database's clock.
absl::StatusOr<domain::TimeMicros> DatabaseNow(Session& session);

// Adds what is missing; leaves what is there.
absl::Status AddTaskPlans(Session& session, const std::vector<domain::TaskPlan>& plans);
// By name. `tasks`: those that this server knows.
absl::StatusOr<std::vector<TaskState>> ReadTaskStates(Session& session, const std::vector<std::string>& tasks);
// TASK_NOT_FOUND.
absl::Status UpdateTaskPlan(Session& session, const domain::PlanUpdate& update);
absl::Status TaskNotFound(const std::string& task);

// The id of the new run.
absl::StatusOr<std::int64_t> BeginRun(Session& session, const domain::TaskRun& run);
// Status, counts, summary and error of `run`; does nothing when it was marked interrupted meanwhile.
absl::Status FinishRun(Session& session, const domain::TaskRun& run);
absl::StatusOr<domain::TaskRun> GetRun(Session& session, std::int64_t id);
// Newest first; one more than the page, so that it shows whether there are more.
absl::StatusOr<std::vector<domain::TaskRun>> ListRuns(Session& session, const domain::RunList& list);

// Tasks that have a run that is recorded as running.
absl::StatusOr<std::vector<std::string>> TasksRunning(Session& session);
// The caller holds the task's lock, so whoever is recorded as running has died. How many there were.
absl::StatusOr<int> MarkInterrupted(Session& session, const std::string& task);
// All but the last run and the last success of each task. How many went, or with `dry_run` would go.
absl::StatusOr<std::int64_t> PruneRuns(Session& session, domain::TimeMicros before, bool dry_run);

}  // namespace eventstore::storage
