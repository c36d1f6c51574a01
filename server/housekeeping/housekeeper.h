// Upkeep as a part of the server: one thread with one connection runs what is due by schedule and what operators ask for,
// one task at a time; another one with a connection of its own watches the time limit and keeps the status current.
//
// Several instances need no leader: each looks what is due, the first to take a task's lock runs it, the others see that
// it was run. What is due follows from the recorded runs alone (domain/upkeep.h), so whoever comes next goes on.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/upkeep.h"
#include "server/housekeeping/status.h"
#include "server/housekeeping/task_list.h"
#include "server/housekeeping/task_runner.h"
#include "server/storage/housekeeper_store.h"

namespace eventstore::housekeeping {

struct HousekeeperOptions {
  TaskRunnerOptions runner;
  domain::RetryPolicy retry;
  // How often it looks what is due, since an operator may have changed a schedule on another instance, or a server died.
  std::chrono::milliseconds look{15'000};
  std::chrono::milliseconds status{30'000};
  std::chrono::seconds overdue_grace{7'200};
};

inline constexpr char kMaintenance[] = "partition-maintenance";

// What is recorded of a task, judged: whether it should have succeeded by now, and when it runs next.
bool Overdue(const storage::TaskState& state, std::chrono::seconds grace, domain::TimeMicros now);
std::optional<domain::NextRun> NextRunOf(const storage::TaskState& state, const domain::RetryPolicy& retry,
                                         domain::TimeMicros now, bool starting, bool always_at_start);

class Housekeeper {
 public:
  // What is handed in outlives it. `instance`: this server, as it is recorded.
  Housekeeper(HousekeeperOptions options, const std::string& conninfo, const std::string& instance, TaskList tasks,
              const storage::Partitions& partitions, const domain::Clock& clock, StatusBoard& board);
  // As Stop().
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  // A run that an operator asked for. Both functions are called by the housekeeper's thread and must not block.
  struct Wish {
    std::string task;
    TaskParameters parameters;
    std::function<void(const TaskProgress&)> progress;
    // Once, at the end: the run as recorded, or why there is none.
    std::function<void(const absl::StatusOr<domain::TaskRun>&)> done;
    std::function<bool()> gone;  // nobody waits for it any more
  };
  // TASK_NOT_FOUND; TASK_RUNNING: it runs here, or somebody was first to ask. Then `done` is not called.
  absl::Status Ask(Wish wish);
  // A schedule was changed.
  void Nudge();
  // Ends what runs, which is recorded as interrupted, and refuses what waits.
  void Stop();

 private:
  const TaskEntry* Find(const std::string& task) const;
  void Work();
  void Watch();
  std::optional<Wish> TakeWish();
  void Grant(const Wish& wish);
  // Runs the first that is due. How long nothing will be due.
  absl::StatusOr<std::chrono::milliseconds> Turn();
  absl::Status MarkDead();
  struct Due {
    const TaskEntry* entry;
    const storage::TaskState* state;
    domain::NextRun next;
  };
  std::optional<Due> First(const std::vector<storage::TaskState>& states, domain::TimeMicros now) const;
  std::optional<domain::NextRun> NextOf(const TaskEntry& entry, const storage::TaskState& state,
                                        domain::TimeMicros now) const;
  absl::Status RunDue(const Due& due);
  void Tell(const domain::TaskRun& run);
  absl::Status Refresh(storage::Session& session);

  const HousekeeperOptions options_;
  const std::string conninfo_;
  const std::string instance_;
  const TaskList tasks_;
  const std::vector<std::string> names_;
  const storage::Partitions& partitions_;
  const domain::Clock& clock_;
  StatusBoard& board_;
  TaskRunner runner_;
  // Of the working thread alone.
  std::uint64_t planned_generation_ = 0;
  std::set<std::string> started_;  // tasks whose turn at the start of the server is over

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Wish> wishes_;
  std::string current_;  // the task that runs here
  std::map<std::string, std::map<domain::RunStatus, std::int64_t>> ended_;
  bool nudged_ = false;
  bool look_ = true;  // the status is to be taken anew
  std::atomic<bool> stopping_ = false;
  bool ended_working_ = false;
  std::thread work_;
  std::thread watch_;
};

}  // namespace eventstore::housekeeping
