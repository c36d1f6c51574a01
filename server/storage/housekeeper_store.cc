#include "server/storage/housekeeper_store.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

using domain::Counts;
using domain::TaskRun;

constexpr Query kNow{"housekeeper_now", "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"};

constexpr Query kAddPlans{"housekeeper_add_plans", R"sql(
INSERT INTO housekeeper_tasks (name, schedule, enabled, time_limit_s)
SELECT * FROM unnest($1::text[], $2::text[], $3::boolean[], $4::integer[])
ON CONFLICT (name) DO NOTHING
)sql"};

// Runs of an operator serve no schedule. One that the end of its server ended serves none either: it is to be repeated.
// What an operator did for real counts as a success all the same.
constexpr Query kStates{"housekeeper_states", R"sql(
SELECT t.name, t.schedule, t.enabled, t.time_limit_s, t.changed_by,
       (extract(epoch FROM t.changed_at) * 1000000)::bigint,
       (SELECT (extract(epoch FROM max(greatest(r.due_at, r.started_at))) * 1000000)::bigint FROM housekeeper_runs r
        WHERE r.task = t.name AND r.trigger <> 'operator' AND r.status <> 'interrupted'),
       (SELECT (extract(epoch FROM max(r.started_at)) * 1000000)::bigint FROM housekeeper_runs r
        WHERE r.task = t.name AND r.status IN ('succeeded', 'skipped') AND NOT r.parameters ? 'dry_run'),
       (SELECT max(r.id) FROM housekeeper_runs r WHERE r.task = t.name),
       (SELECT count(*) FROM housekeeper_runs r
        WHERE r.task = t.name AND r.status = 'failed' AND r.trigger <> 'operator'
          AND r.id > coalesce((SELECT max(s.id) FROM housekeeper_runs s
                               WHERE s.task = t.name AND s.status IN ('succeeded', 'skipped')), 0)),
       CASE WHEN o.status = 'failed' THEN (extract(epoch FROM o.finished_at) * 1000000)::bigint END,
       coalesce(o.status = 'interrupted', false)
FROM housekeeper_tasks t
LEFT JOIN LATERAL (SELECT status, finished_at FROM housekeeper_runs r
                   WHERE r.task = t.name AND r.trigger <> 'operator' ORDER BY id DESC LIMIT 1) o ON true
WHERE t.name = ANY ($1::text[])
ORDER BY t.name
)sql"};

constexpr Query kUpdatePlan{"housekeeper_update_plan", R"sql(
UPDATE housekeeper_tasks
SET schedule = coalesce($2, schedule), enabled = coalesce($3::boolean, enabled), changed_by = $4,
    changed_at = clock_timestamp()
WHERE name = $1
)sql"};

constexpr Query kBegin{"housekeeper_begin", R"sql(
INSERT INTO housekeeper_runs (task, instance, trigger, attempt, parameters, due_at)
VALUES ($1, $2, $3, $4::integer,
        coalesce((SELECT jsonb_object_agg(k, v) FROM unnest($5::text[], $6::bigint[]) p (k, v)), '{}'),
        $7::timestamptz)
RETURNING id
)sql"};

constexpr Query kFinish{"housekeeper_finish", R"sql(
UPDATE housekeeper_runs
SET finished_at = clock_timestamp(), status = $2,
    counts = coalesce((SELECT jsonb_object_agg(k, v) FROM unnest($3::text[], $4::bigint[]) p (k, v)), '{}'),
    summary = $5, error = $6
WHERE id = $1::bigint AND status = 'running'
)sql"};

// Columns as RunFrom reads them; the conditions come after.
constexpr char kRunColumns[] = R"sql(
SELECT id, task, instance, trigger, attempt,
       ARRAY(SELECT key FROM jsonb_each(parameters) ORDER BY key),
       ARRAY(SELECT value FROM jsonb_each_text(parameters) ORDER BY key),
       (extract(epoch FROM due_at) * 1000000)::bigint,
       (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM finished_at) * 1000000)::bigint,
       status, ARRAY(SELECT key FROM jsonb_each(counts) ORDER BY key),
       ARRAY(SELECT value FROM jsonb_each_text(counts) ORDER BY key), summary, error
FROM housekeeper_runs
)sql";

constexpr Query kRunning{"housekeeper_running", "SELECT DISTINCT task FROM housekeeper_runs WHERE status = 'running'"};

constexpr Query kInterrupt{"housekeeper_interrupt", R"sql(
UPDATE housekeeper_runs
SET status = 'interrupted', finished_at = clock_timestamp(),
    error = format('the server %s ended in the middle of it; what it had done is done, the next run does the rest',
                   instance)
WHERE task = $1 AND status = 'running'
)sql"};

constexpr char kOld[] = R"sql(
housekeeper_runs r
WHERE started_at < $1::timestamptz AND status <> 'running'
  AND id NOT IN (SELECT max(id) FROM housekeeper_runs GROUP BY task)
  AND id NOT IN (SELECT max(id) FROM housekeeper_runs WHERE status IN ('succeeded', 'skipped') GROUP BY task)
)sql";

std::size_t IndexOf(auto names, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
}

Counts CountsFrom(const pqxx::field& keys, const pqxx::field& values) {
  const auto names = ParseTextArray(keys.c_str());
  const auto numbers = ParseTextArray(values.c_str());
  Counts counts;
  for (std::size_t i = 0; i < std::min(names.size(), numbers.size()); ++i) counts[names[i]] = std::stoll(numbers[i]);
  return counts;
}

void AddCounts(const Counts& counts, pq::Args& args) {
  ArrayText keys;
  ArrayText values;
  for (const auto& [key, value] : counts) {
    keys.Add(key);
    values.AddPlain(value);
  }
  args.emplace_back(keys.Take());
  args.emplace_back(values.Take());
}

std::optional<domain::TimeMicros> TimeFrom(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<std::int64_t>();
}

TaskRun RunFrom(const pqxx::row& row) {
  TaskRun run;
  run.id = row[0].as<std::int64_t>();
  run.task = row[1].c_str();
  run.instance = row[2].c_str();
  run.trigger = static_cast<domain::RunTrigger>(IndexOf(domain::kRunTriggers, row[3].c_str()));
  run.attempt = row[4].as<int>();
  run.parameters = CountsFrom(row[5], row[6]);
  run.due_at = TimeFrom(row[7]);
  run.started_at = row[8].as<std::int64_t>();
  run.finished_at = TimeFrom(row[9]);
  run.status = static_cast<domain::RunStatus>(IndexOf(domain::kRunStatuses, row[10].c_str()));
  run.counts = CountsFrom(row[11], row[12]);
  run.summary = row[13].c_str();
  run.error = row[14].c_str();
  return run;
}

// At most `bytes`, still UTF-8.
std::string Cut(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace

absl::StatusOr<domain::TimeMicros> DatabaseNow(Session& session) {
  auto rows = session.Run(kNow, {});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

absl::Status TaskNotFound(const std::string& task) {
  domain::Error error;
  error.reason = domain::Reason::kTaskNotFound;
  error.message = fmt::format("there is no task {}; ListTasks says which there are", task);
  error.metadata = {{"task", task}};
  return domain::ToStatus(error);
}

absl::Status AddTaskPlans(Session& session, const std::vector<domain::TaskPlan>& plans) {
  ArrayText names;
  ArrayText schedules;
  ArrayText enabled;
  ArrayText limits;
  for (const auto& plan : plans) {
    names.Add(plan.name);
    schedules.Add(plan.schedule);
    enabled.AddPlain(plan.enabled ? "true" : "false");
    limits.AddPlain(plan.time_limit.count());
  }
  return session.Run(kAddPlans, {names.Take(), schedules.Take(), enabled.Take(), limits.Take()}).status();
}

absl::StatusOr<std::vector<TaskState>> ReadTaskStates(Session& session, const std::vector<std::string>& tasks) {
  auto rows = session.Run(kStates, {TextArray(tasks)});
  if (!rows.ok()) return rows.status();
  std::vector<TaskState> states;
  for (const auto& row : *rows) {
    TaskState state;
    state.plan = {row[0].c_str(),
                  row[1].c_str(),
                  row[2].as<bool>(),
                  std::chrono::seconds{row[3].as<int>()},
                  std::string(row[4].c_str()),
                  row[5].as<std::int64_t>()};
    state.served = TimeFrom(row[6]);
    state.last_success = TimeFrom(row[7]);
    if (!row[8].is_null()) {
      auto last = GetRun(session, row[8].as<std::int64_t>());
      if (!last.ok()) return last.status();
      state.last = *std::move(last);
    }
    state.failures = row[9].as<int>();
    state.failed_at = TimeFrom(row[10]);
    state.interrupted = row[11].as<bool>();
    states.push_back(std::move(state));
  }
  return states;
}

absl::Status UpdateTaskPlan(Session& session, const domain::PlanUpdate& update) {
  pq::Args args = {update.task, std::nullopt, std::nullopt, update.changed_by};
  if (update.schedule) args[1] = update.schedule->text();
  if (update.enabled) args[2] = *update.enabled ? "true" : "false";
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  auto updated = session.Run(kUpdatePlan, args);
  if (!updated.ok()) return updated.status();
  if (updated->affected_rows() == 0) return TaskNotFound(update.task);
  return transaction.Commit();
}

absl::StatusOr<std::int64_t> BeginRun(Session& session, const TaskRun& run) {
  pq::Args args = {run.task, run.instance, std::string(NameOf(run.trigger)), fmt::format("{}", run.attempt)};
  AddCounts(run.parameters, args);
  args.push_back(run.due_at ? std::optional(TimestampText(*run.due_at)) : std::nullopt);
  auto rows = session.Run(kBegin, args);
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<std::int64_t>();
}

absl::Status FinishRun(Session& session, const TaskRun& run) {
  pq::Args args = {fmt::format("{}", run.id), std::string(NameOf(run.status))};
  AddCounts(run.counts, args);
  args.emplace_back(Cut(run.summary, domain::kMaxRunErrorBytes));
  args.emplace_back(Cut(run.error, domain::kMaxRunErrorBytes));
  return session.Run(kFinish, args).status();
}

absl::StatusOr<TaskRun> GetRun(Session& session, std::int64_t id) {
  auto rows = session.RunText(std::string(kRunColumns) + "WHERE id = $1::bigint", {fmt::format("{}", id)});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) {
    return domain::ErrorOf(
        domain::Reason::kInternal,
        fmt::format("run {} of the housekeeper is gone from housekeeper_runs; somebody deleted it", id));
  }
  return RunFrom((*rows)[0]);
}

absl::StatusOr<std::vector<TaskRun>> ListRuns(Session& session, const domain::RunList& list) {
  pq::Args args = {fmt::format("{}", list.page_size + 1)};
  std::string where = "WHERE true";
  const auto add = [&](const char* condition, const std::string& value) {
    args.emplace_back(value);
    where += fmt::format(fmt::runtime(condition), args.size());
  };
  if (!list.task.empty()) add(" AND task = ${}", list.task);
  if (list.status) add(" AND status = ${}", std::string(NameOf(*list.status)));
  if (list.before > 0) add(" AND id < ${}::bigint", fmt::format("{}", list.before));
  auto rows = session.RunText(kRunColumns + where + " ORDER BY id DESC LIMIT $1::integer", args);
  if (!rows.ok()) return rows.status();
  std::vector<TaskRun> runs;
  for (const auto& row : *rows) runs.push_back(RunFrom(row));
  return runs;
}

absl::StatusOr<std::vector<std::string>> TasksRunning(Session& session) {
  auto rows = session.Run(kRunning, {});
  if (!rows.ok()) return rows.status();
  std::vector<std::string> tasks;
  for (const auto& row : *rows) tasks.emplace_back(row[0].c_str());
  return tasks;
}

absl::StatusOr<int> MarkInterrupted(Session& session, const std::string& task) {
  auto marked = session.Run(kInterrupt, {task});
  if (!marked.ok()) return marked.status();
  return static_cast<int>(marked->affected_rows());
}

absl::StatusOr<std::int64_t> PruneRuns(Session& session, domain::TimeMicros before, bool dry_run) {
  const std::string sql = std::string(dry_run ? "SELECT count(*) FROM " : "DELETE FROM ") + kOld;
  auto rows = session.RunText(sql, {TimestampText(before)});
  if (!rows.ok()) return rows.status();
  return dry_run ? (*rows)[0][0].as<std::int64_t>() : static_cast<std::int64_t>(rows->affected_rows());
}

}  // namespace eventstore::storage
