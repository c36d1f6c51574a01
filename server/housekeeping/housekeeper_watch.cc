// The other thread of the housekeeper: what takes too long is cancelled, and the status is kept current.
#include <algorithm>
#include <utility>

#include "server/housekeeping/housekeeper.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::housekeeping {
namespace {

using domain::RunStatus;
using std::chrono::milliseconds;

// How late a run that takes too long may be cancelled.
constexpr milliseconds kTick{500};

}  // namespace

bool Overdue(const storage::TaskState& state, std::chrono::seconds grace, domain::TimeMicros now) {
  auto schedule = domain::Schedule::Parse("schedule", state.plan.schedule);
  return state.plan.enabled && schedule.ok() &&
         domain::IsOverdue(*schedule, std::max(state.last_success.value_or(0), state.plan.changed_at), grace, now);
}

std::optional<domain::NextRun> NextRunOf(const storage::TaskState& state, const domain::RetryPolicy& retry,
                                         domain::TimeMicros now, bool starting, bool always_at_start) {
  auto schedule = domain::Schedule::Parse("schedule", state.plan.schedule);
  if (!schedule.ok()) {
    spdlog::error("housekeeper: {} does not run: {}", state.plan.name, std::string(schedule.status().message()));
    return std::nullopt;
  }
  const domain::TaskHistory history{*std::move(schedule), state.plan.enabled, state.plan.changed_at, state.served,
                                    state.failures,       state.failed_at,    state.interrupted,     always_at_start};
  return domain::PlanNextRun(history, retry, now, starting);
}

void Housekeeper::Watch() {
  storage::Session session(conninfo_, "housekeeper watch");
  auto next = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (look_ || std::chrono::steady_clock::now() >= next) {
      look_ = false;
      lock.unlock();
      const absl::Status refreshed = storage::Caught([&] { return Refresh(session); });
      if (!refreshed.ok()) spdlog::debug("housekeeper: no status: {}", std::string(refreshed.message()));
      next = std::chrono::steady_clock::now() + options_.status;
      lock.lock();
    }
    wake_.wait_for(lock, kTick, [&] { return stopping_ || look_; });
    lock.unlock();
    runner_.CancelIfLate();
    lock.lock();
  }
}

absl::Status Housekeeper::Refresh(storage::Session& session) {
  constexpr milliseconds kPatience{10'000};
  if (absl::Status limited = session.SetStatementTimeout(kPatience); !limited.ok()) return limited;
  // Before what is recorded is read: that must not be older than what was counted.
  decltype(ended_) ended;
  {
    const std::scoped_lock lock(mutex_);
    ended = ended_;
  }
  auto now = storage::DatabaseNow(session);
  if (!now.ok()) return now.status();
  auto partitions = partitions_.List(session);
  if (!partitions.ok()) return partitions.status();
  auto states = storage::ReadTaskStates(session, names_);
  if (!states.ok()) return states.status();
  Status status;
  status.taken_at = *now;
  status.partitions = Summarise(*partitions, partitions_.made_ahead(), *now);
  for (const auto& state : *states) {
    TaskStatus task;
    task.name = state.plan.name;
    task.enabled = state.plan.enabled;
    if (state.last) {
      task.running = state.last->status == RunStatus::kRunning;
      task.last_status = state.last->status;
      task.last_started = state.last->started_at;
      task.last_finished = state.last->finished_at;
    }
    task.last_success = state.last_success;
    task.failures = state.failures;
    task.overdue = Overdue(state, options_.overdue_grace, *now);
    if (task.name == kMaintenance) AddUpkeep(status.partitions, task.failures, task.overdue);
    for (const auto how : {RunStatus::kSucceeded, RunStatus::kFailed, RunStatus::kSkipped, RunStatus::kInterrupted}) {
      task.runs[how] = 0;
    }
    if (const auto counted = ended.find(task.name); counted != ended.end()) {
      for (const auto& [how, count] : counted->second) task.runs[how] = count;
    }
    status.tasks.push_back(std::move(task));
  }
  board_.Set(std::move(status));
  return absl::OkStatus();
}

}  // namespace eventstore::housekeeping
