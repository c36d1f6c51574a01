// One run of a task on one connection: under the task's lock, within its time, recorded.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/task_run.h"
#include "server/housekeeping/task.h"
#include "server/storage/session.h"

namespace eventstore::housekeeping {

struct TaskRunnerOptions {
  // What a statement waits for a lock: a task gives way to whoever reads or writes.
  std::chrono::milliseconds lock_timeout{5'000};
};

class TaskRunner {
 public:
  // `instance`: this server, as it is recorded.
  TaskRunner(TaskRunnerOptions options, const std::string& conninfo, std::string instance, const domain::Clock& clock);

  struct Order {
    Task& task;
    std::chrono::seconds time_limit;
    domain::RunTrigger trigger;
    int attempt;
    std::optional<domain::TimeMicros> due_at;
    TaskParameters parameters;
    std::function<void(const TaskProgress&)> progress;  // may be empty
    std::function<bool()> gone;                         // whoever asked for it; may be empty
    // Asked under the lock: false: another instance has done it meanwhile. May be empty.
    std::function<absl::StatusOr<bool>()> still_due;
  };
  // The run as it was recorded, however it ended; nothing: it was not due any more. TASK_RUNNING: another instance is at it.
  // Other errors: it could not begin, or it is not known what is recorded.
  absl::StatusOr<std::optional<domain::TaskRun>> Run(const Order& order);

  // Marks what a server that died has left, unless the task runs; true: there was something.
  absl::StatusOr<bool> MarkDead(const std::string& task);

  // For what goes on between two runs. One thread at a time.
  absl::StatusOr<storage::Session*> session();

  // From other threads. Stop: the task shall end after its step, and the statement that it runs is cancelled; to be called
  // until the run has ended, since a cancel that comes between two statements does nothing.
  void Stop();
  // Cancels if the run takes longer than it may.
  void CancelIfLate();

 private:
  void Cancel() const;
  void Execute(const Order& order, domain::TaskRun& run);
  absl::Status Explained(const absl::Status& status);
  absl::StatusOr<domain::TaskRun> Record(const domain::TaskRun& run);

  const TaskRunnerOptions options_;
  const std::string conninfo_;
  const std::string instance_;
  const domain::Clock& clock_;
  storage::Session session_;
  std::uint64_t prepared_generation_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> executing_ = false;  // only then is there something to cancel
  std::atomic<int> backend_pid_ = 0;
  std::atomic<int> beside_pid_ = 0;
  std::atomic<domain::MonotonicTime> deadline_{domain::MonotonicTime::max()};
};

// What was said for a run, as it is recorded.
domain::Counts CountsOf(const TaskParameters& parameters);

}  // namespace eventstore::housekeeping
