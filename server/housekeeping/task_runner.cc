#include "server/housekeeping/task_runner.h"

#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/sql_errors.h"
#include "server/storage/task_lock.h"
#include "spdlog/spdlog.h"

namespace eventstore::housekeeping {
namespace {

using domain::RunStatus;
using domain::TaskRun;

constexpr std::chrono::milliseconds kOwnStatements{30'000};

constexpr storage::Query kOldest{"housekeeper_oldest_transaction", R"sql(
SELECT pid, coalesce(nullif(application_name, ''), 'no name'), coalesce(state, 'unknown'),
       extract(epoch FROM clock_timestamp() - xact_start)::bigint
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start
LIMIT 1
)sql"};

absl::Status Running(const TaskRun& run) {
  domain::Error error;
  error.reason = domain::Reason::kTaskRunning;
  error.message = fmt::format("{} is running already, on {}; wait for its end (`eventctl housekeeper runs --task {}`)",
                              run.task, run.instance, run.task);
  error.metadata = {{"task", run.task}, {"instance", run.instance}, {"run_id", fmt::format("{}", run.id)}};
  return domain::ToStatus(error);
}

// Whoever has the lock has recorded its run, or is about to.
absl::Status RunningElsewhere(storage::Session& session, const std::string& task) {
  TaskRun run;
  run.task = task;
  run.instance = "another instance";
  auto runs = storage::ListRuns(session, {task, RunStatus::kRunning, 1, 0});
  if (runs.ok() && !runs->empty()) run = runs->front();
  return Running(run);
}

}  // namespace

domain::Counts CountsOf(const TaskParameters& parameters) {
  domain::Counts counts;
  if (parameters.dry_run) counts["dry_run"] = 1;
  if (parameters.retention_days) counts["retention_days"] = *parameters.retention_days;
  if (parameters.from_days) counts["from_days"] = *parameters.from_days;
  if (parameters.to_days) counts["to_days"] = *parameters.to_days;
  return counts;
}

TaskRunner::TaskRunner(TaskRunnerOptions options, const std::string& conninfo, std::string instance,
                       const domain::Clock& clock)
    : options_(options),
      conninfo_(conninfo),
      instance_(std::move(instance)),
      clock_(clock),
      session_(conninfo, "housekeeper") {}

absl::StatusOr<storage::Session*> TaskRunner::session() {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (prepared_generation_ != session_.generation()) {
    // PostgreSQL notices within seconds that this server is gone, also in the middle of a statement: until then its locks
    // keep others from going on.
    auto set = session_.RunText(
        "SELECT set_config('lock_timeout', $1, false), set_config('client_connection_check_interval', '5s', false)",
        {fmt::format("{}ms", options_.lock_timeout.count())});
    if (!set.ok()) return set.status();
    prepared_generation_ = session_.generation();
    backend_pid_ = session_.backend_pid();
  }
  if (absl::Status limited = session_.SetStatementTimeout(kOwnStatements); !limited.ok()) return limited;
  return &session_;
}

absl::StatusOr<bool> TaskRunner::MarkDead(const std::string& task) {
  if (auto ready = session(); !ready.ok()) return ready.status();
  storage::TaskLock lock(session_, task);
  auto locked = lock.Try();
  if (!locked.ok()) return locked.status();
  if (!*locked) return false;
  auto marked = storage::MarkInterrupted(session_, task);
  if (!marked.ok()) return marked.status();
  if (*marked > 0) spdlog::warn("housekeeper: a server ended in the middle of {}; it is run again", task);
  return *marked > 0;
}

absl::StatusOr<std::optional<TaskRun>> TaskRunner::Run(const Order& order) {
  if (auto ready = session(); !ready.ok()) return ready.status();
  const std::string name(order.task.name());
  storage::TaskLock lock(session_, name);
  auto locked = lock.Try();
  if (!locked.ok()) return locked.status();
  if (!*locked) return RunningElsewhere(session_, name);
  if (auto marked = storage::MarkInterrupted(session_, name); !marked.ok()) return marked.status();
  if (order.still_due) {
    auto due = order.still_due();
    if (!due.ok()) return due.status();
    if (!*due) return std::nullopt;
  }
  TaskRun run;
  run.task = name;
  run.instance = instance_;
  run.trigger = order.trigger;
  run.attempt = order.attempt;
  run.parameters = CountsOf(order.parameters);
  run.due_at = order.due_at;
  auto id = storage::BeginRun(session_, run);
  if (!id.ok()) return id.status();
  run.id = *id;
  Execute(order, run);
  auto recorded = Record(run);
  if (!recorded.ok()) return recorded.status();
  return *std::move(recorded);
}

void TaskRunner::Execute(const Order& order, TaskRun& run) {
  const auto began = clock_.Monotonic();
  const auto deadline = began + order.time_limit;
  bool late = false;
  bool gone = false;
  bool told = false;  // the task asked, and was told to stop
  TaskContext context{.session = session_,
                      .clock = clock_,
                      .parameters = order.parameters,
                      .progress = order.progress ? order.progress : [](const TaskProgress&) {},
                      .stop =
                          [&] {
                            late = late || clock_.Monotonic() >= deadline;
                            gone = gone || (order.gone && order.gone());
                            return told = late || gone || stopping_;
                          },
                      .beside = [this](int pid) { beside_pid_ = pid; }};
  const absl::Status limited = session_.SetStatementTimeout(order.time_limit);
  deadline_ = deadline;
  executing_ = true;
  const absl::StatusOr<TaskReport> report =
      limited.ok() ? storage::Caught([&] { return order.task.Run(context); }) : absl::StatusOr<TaskReport>(limited);
  executing_ = false;
  deadline_ = domain::MonotonicTime::max();
  beside_pid_ = 0;
  if (report.ok()) {
    run.counts = report->counts;
    run.summary = report->summary;
    run.status = report->skipped ? RunStatus::kSkipped : RunStatus::kSucceeded;
  }
  if (report.ok() && !told) return;
  (void)context.stop();  // a statement that was cancelled says no more than that
  if (stopping_) {
    run.status = RunStatus::kInterrupted;
    run.error = "the server was stopped; what was done is done, the next run does the rest";
  } else if (late) {
    run.status = RunStatus::kFailed;
    run.error = fmt::format(
        "it took longer than its time limit of {} s and was cancelled; what was done is done, the next run does the "
        "rest",
        order.time_limit.count());
  } else if (gone && report.ok()) {
    run.status = RunStatus::kInterrupted;
    run.error = "whoever asked for it went away; what was done is done";
  } else if (!report.ok()) {
    run.status = RunStatus::kFailed;
    run.error = std::string(Explained(report.status()).message());
  }
}

// A lock that was not free: with who probably has it.
absl::Status TaskRunner::Explained(const absl::Status& status) {
  if (storage::SqlStateOf(status) != "55P03" || !session_.connected()) return status;
  auto rows = session_.Run(kOldest, {});
  std::string holder;
  if (rows.ok() && !rows->empty()) {
    const auto row = (*rows)[0];
    holder = fmt::format("; the oldest open transaction is that of backend {} ({}, {}, for {} s)", row[0].c_str(),
                         row[1].c_str(), row[2].c_str(), row[3].c_str());
  }
  return absl::Status(status.code(), fmt::format("another session held a lock for longer than {} ms, so nothing more "
                                                 "was done{}: {}",
                                                 options_.lock_timeout.count(), holder, std::string(status.message())));
}

absl::StatusOr<TaskRun> TaskRunner::Record(const TaskRun& run) {
  constexpr int kAttempts = 3;  // a cancel may still have been under way
  absl::Status finished;
  for (int i = 0; i < kAttempts; ++i) {
    auto ready = session();
    finished = ready.ok() ? storage::FinishRun(session_, run) : ready.status();
    if (finished.ok()) return storage::GetRun(session_, run.id);
  }
  return finished;
}

void TaskRunner::Stop() {
  stopping_ = true;
  Cancel();
}

void TaskRunner::CancelIfLate() {
  if (clock_.Monotonic() >= deadline_.load()) Cancel();
}

void TaskRunner::Cancel() const {
  if (!executing_) return;
  for (const int pid : {backend_pid_.load(), beside_pid_.load()}) {
    if (pid == 0) continue;
    storage::Session session(conninfo_, "housekeeper stop");
    session.RunText("SELECT pg_cancel_backend($1::integer)", {fmt::format("{}", pid)}).status().IgnoreError();
  }
}

}  // namespace eventstore::housekeeping
