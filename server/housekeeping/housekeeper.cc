#include "server/housekeeping/housekeeper.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/shutting_down.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::housekeeping {
namespace {

using domain::RunStatus;
using std::chrono::milliseconds;

constexpr milliseconds kCancelEvery{200};

std::vector<std::string> NamesOf(const TaskList& tasks) {
  std::vector<std::string> names;
  for (const auto& entry : tasks) names.emplace_back(entry.task->name());
  return names;
}

absl::Status RunningHere(const std::string& task, const std::string& instance, bool waits) {
  domain::Error error;
  error.reason = domain::Reason::kTaskRunning;
  error.message = fmt::format("{} {} on this instance; wait for its end (`eventctl housekeeper runs --task {}`)", task,
                              waits ? "was asked for already and waits for its turn" : "is running already", task);
  error.metadata = {{"task", task}, {"instance", instance}};
  return domain::ToStatus(error);
}

}  // namespace

Housekeeper::Housekeeper(HousekeeperOptions options, const std::string& conninfo, const std::string& instance,
                         TaskList tasks, const storage::Partitions& partitions, const domain::Clock& clock,
                         StatusBoard& board)
    : options_(options),
      conninfo_(conninfo),
      instance_(instance),
      tasks_(std::move(tasks)),
      names_(NamesOf(tasks_)),
      partitions_(partitions),
      clock_(clock),
      board_(board),
      runner_(options.runner, conninfo, instance, clock),
      work_([this] { Work(); }),
      watch_([this] { Watch(); }) {}

Housekeeper::~Housekeeper() { Stop(); }

void Housekeeper::Stop() {
  if (!work_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
    // Again and again: a cancel that comes between two statements does nothing.
    while (!ended_working_) {
      lock.unlock();
      runner_.Stop();
      lock.lock();
      wake_.wait_for(lock, kCancelEvery, [&] { return ended_working_; });
    }
  }
  work_.join();
  watch_.join();
}

const TaskEntry* Housekeeper::Find(const std::string& task) const {
  const auto found = std::ranges::find_if(tasks_, [&](const auto& entry) { return entry.task->name() == task; });
  return found == tasks_.end() ? nullptr : &*found;
}

absl::Status Housekeeper::Ask(Wish wish) {
  if (Find(wish.task) == nullptr) return storage::TaskNotFound(wish.task);
  const auto tell = wish.progress;
  std::string before;
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return storage::ShuttingDown();
    if (current_ == wish.task) return RunningHere(wish.task, instance_, false);
    if (std::ranges::any_of(wishes_, [&](const Wish& other) { return other.task == wish.task; })) {
      return RunningHere(wish.task, instance_, true);
    }
    before = current_;
    wishes_.push_back(std::move(wish));
    wake_.notify_all();
  }
  if (tell && !before.empty()) tell({"waiting until " + before + " has ended", 0, 0});
  return absl::OkStatus();
}

void Housekeeper::Nudge() {
  const std::scoped_lock lock(mutex_);
  nudged_ = true;
  look_ = true;
  wake_.notify_all();
}

void Housekeeper::Work() {
  bool failing = false;
  while (!stopping_) {
    if (auto wish = TakeWish()) {
      Grant(*wish);
      continue;
    }
    auto pause = storage::Caught([&] { return Turn(); });
    if (!pause.ok() && !failing && !stopping_) {
      spdlog::warn("housekeeper: cannot look what is due, and tries again every {} s: {}",
                   std::chrono::ceil<std::chrono::seconds>(options_.look).count(),
                   std::string(pause.status().message()));
    }
    failing = !pause.ok();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, pause.ok() ? *pause : options_.look, [&] { return stopping_ || nudged_ || !wishes_.empty(); });
    nudged_ = false;
  }
  std::deque<Wish> left;
  {
    const std::scoped_lock lock(mutex_);
    left.swap(wishes_);
    ended_working_ = true;
    wake_.notify_all();
  }
  for (const Wish& wish : left) wish.done(storage::ShuttingDown());
}

std::optional<Housekeeper::Wish> Housekeeper::TakeWish() {
  const std::scoped_lock lock(mutex_);
  if (wishes_.empty()) return std::nullopt;
  Wish wish = std::move(wishes_.front());
  wishes_.pop_front();
  current_ = wish.task;
  return wish;
}

void Housekeeper::Grant(const Wish& wish) {
  const TaskEntry& entry = *Find(wish.task);
  auto run = storage::Caught([&]() -> absl::StatusOr<domain::TaskRun> {
    auto session = runner_.session();
    if (!session.ok()) return session.status();
    auto states = storage::ReadTaskStates(**session, {wish.task});
    if (!states.ok()) return states.status();
    const auto limit = states->empty() ? entry.time_limit : states->front().plan.time_limit;
    auto ran = runner_.Run({*entry.task, limit, domain::RunTrigger::kOperator, 1, std::nullopt, wish.parameters,
                            wish.progress, wish.gone, nullptr});
    if (!ran.ok()) return ran.status();
    return **ran;
  });
  if (run.ok()) {
    Tell(*run);
  } else {
    const std::scoped_lock lock(mutex_);
    current_.clear();
  }
  wish.done(run);
}

absl::Status Housekeeper::MarkDead() {
  auto session = runner_.session();
  if (!session.ok()) return session.status();
  auto running = storage::TasksRunning(**session);
  if (!running.ok()) return running.status();
  for (const std::string& task : *running) {
    if (Find(task) == nullptr) continue;
    if (auto marked = runner_.MarkDead(task); !marked.ok()) return marked.status();
  }
  return absl::OkStatus();
}

std::optional<domain::NextRun> Housekeeper::NextOf(const TaskEntry& entry, const storage::TaskState& state,
                                                   domain::TimeMicros now) const {
  return NextRunOf(state, options_.retry, now, !started_.contains(state.plan.name), entry.always_at_start);
}

std::optional<Housekeeper::Due> Housekeeper::First(const std::vector<storage::TaskState>& states,
                                                   domain::TimeMicros now) const {
  std::optional<Due> first;
  for (const auto& entry : tasks_) {
    const auto state = std::ranges::find(states, entry.task->name(), [](const auto& one) { return one.plan.name; });
    if (state == states.end()) continue;
    const auto next = NextOf(entry, *state, now);
    if (!next) continue;
    // Of those that are due the one that stands first.
    const auto at = std::max(next->at, now);
    if (!first || at < std::max(first->next.at, now)) first = Due{&entry, &*state, *next};
  }
  return first;
}

absl::StatusOr<milliseconds> Housekeeper::Turn() {
  auto session = runner_.session();
  if (!session.ok()) return session.status();
  if (planned_generation_ != (*session)->generation()) {
    std::vector<domain::TaskPlan> plans;
    for (const auto& entry : tasks_) {
      plans.push_back({std::string(entry.task->name()), entry.schedule, entry.enabled, entry.time_limit, "default", 0});
    }
    if (absl::Status added = storage::AddTaskPlans(**session, plans); !added.ok()) return added;
    planned_generation_ = (*session)->generation();
  }
  if (absl::Status marked = MarkDead(); !marked.ok()) return marked;
  auto states = storage::ReadTaskStates(**session, names_);
  if (!states.ok()) return states.status();
  const auto now = clock_.Now();
  const auto due = First(*states, now);
  if (!due) return options_.look;
  if (due->next.at > now) {
    const std::chrono::microseconds left(due->next.at - now);
    return std::min(std::chrono::ceil<milliseconds>(left), options_.look);
  }
  const absl::Status ran = RunDue(*due);
  if (ran.ok()) return milliseconds{0};
  // Somebody else is at it; or the database is not well.
  if (domain::FromStatus(ran).reason != domain::Reason::kTaskRunning) return ran;
  started_.insert(due->state->plan.name);
  return std::min(options_.look, milliseconds{1'000});
}

absl::Status Housekeeper::RunDue(const Due& due) {
  const std::string& name = due.state->plan.name;
  {
    const std::scoped_lock lock(mutex_);
    current_ = name;
    look_ = true;
  }
  // What every server does at its start, it does even if another one has just done it.
  const bool own = due.next.trigger == domain::RunTrigger::kStartup && due.entry->always_at_start;
  const auto still_due = [&]() -> absl::StatusOr<bool> {
    if (own) return true;
    auto session = runner_.session();
    if (!session.ok()) return session.status();
    auto states = storage::ReadTaskStates(**session, {name});
    if (!states.ok()) return states.status();
    if (states->empty()) return false;
    const auto now = clock_.Now();
    const auto next = NextOf(*due.entry, states->front(), now);
    return next && next->at <= now;
  };
  auto ran = runner_.Run({*due.entry->task,
                          due.state->plan.time_limit,
                          due.next.trigger,
                          due.next.attempt,
                          due.next.due_at,
                          {},
                          nullptr,
                          nullptr,
                          still_due});
  if (ran.ok()) started_.insert(name);
  if (ran.ok() && *ran) {
    Tell(**ran);
  } else {
    const std::scoped_lock lock(mutex_);
    current_.clear();
  }
  return ran.status();
}

void Housekeeper::Tell(const domain::TaskRun& run) {
  {
    const std::scoped_lock lock(mutex_);
    current_.clear();
    ++ended_[run.task][run.status];
    look_ = true;
    wake_.notify_all();
  }
  const auto took = (run.finished_at.value_or(run.started_at) - run.started_at) / 1'000;
  const std::string text =
      fmt::format("housekeeper: {} {} after {} ms{}{}", run.task, NameOf(run.status), took,
                  run.summary.empty() ? "" : ": " + run.summary, run.error.empty() ? "" : ": " + run.error);
  spdlog::log(run.status == RunStatus::kFailed ? spdlog::level::warn : spdlog::level::info, "{}", text);
}

}  // namespace eventstore::housekeeping
