#include <algorithm>
#include <optional>

#include "fmt/format.h"
#include "server/domain/operations/transitions.h"
#include "server/storage/operations/record_rows.h"
#include "server/storage/operations/record_store.h"
#include "server/storage/operations/time_windows.h"
#include "server/storage/sql_text.h"
#include "server/storage/where.h"

namespace eventstore::storage {
namespace {

using domain::TimeMicros;
using domain::TimeRange;

struct Table {
  const char* name;
  const char* columns;
  const char* ref;  // the column of RecordQuery::ref
};

constexpr Table kEvents{"event", kTriggerEventColumns, "trigger_ref"};
constexpr Table kEnforcements{"enforcement", kEnforcementColumns, "rule_ref"};
constexpr Table kExecutions{"execution", kExecutionColumns, "action_ref"};

// An id of version 7 says when it was made. A guess: ids are the clients', and so are their clocks.
std::optional<TimeRange> Guess(const domain::Uuid& id) {
  if (id.bytes[6] >> 4 != 7) return std::nullopt;
  TimeMicros ms = 0;
  for (int i = 0; i < 6; ++i) ms = ms << 8 | id.bytes.at(static_cast<std::size_t>(i));
  const TimeMicros at = ms * 1000;
  if (at > domain::kMaxTime - domain::kMicrosPerDay) return std::nullopt;
  return TimeRange{at - domain::kMicrosPerSecond * 3600, at + domain::kMicrosPerSecond * 3600};
}

absl::StatusOr<pqxx::result> Find(Session& session, const Table& table, const domain::RecordKey& key) {
  const std::string id = key.id.ToString();
  const auto within = [&](const TimeRange& range) {
    return session.RunKept(fmt::format("SELECT {} FROM {} WHERE id = $1::uuid AND created >= $2::timestamptz AND "
                                       "created < $3::timestamptz",
                                       table.columns, table.name),
                           {id, TimestampText(range.from), TimestampText(range.to)});
  };
  absl::StatusOr<pqxx::result> found = pqxx::result();
  if (key.created) {
    found = within({*key.created, *key.created + 1});
  } else {
    if (const auto guess = Guess(key.id)) {
      found = within(*guess);
      if (!found.ok() || !found->empty()) return found;
    }
    absl::Status walked = WalkTime(session, table.name, {}, domain::Direction::kBackward, [&](const TimeRange& window) {
      found = within(window);
      return found.ok() ? absl::StatusOr<bool>(!found->empty()) : absl::StatusOr<bool>(found.status());
    });
    if (!walked.ok()) return walked;
  }
  if (!found.ok()) return found;
  if (found->empty()) return domain::RecordNotFound(table.name, id, key.created.has_value());
  return found;
}

// Calls `add` with each row, newest first, until there is one more than the page has.
template <typename Add>
absl::Status List(Session& session, const Table& table, const domain::RecordQuery& query, const Add& add) {
  TimeRange range = query.range;
  if (query.after) range.to = std::min(range.to, query.after->time + 1);
  int left = query.page_size + 1;
  return WalkTime(
      session, table.name, range, domain::Direction::kBackward, [&](const TimeRange& window) -> absl::StatusOr<bool> {
        Where where(0);
        where.And("created >= {}::timestamptz", TimestampText(window.from));
        where.And("created < {}::timestamptz", TimestampText(window.to));
        if (!query.ref.empty()) where.And(fmt::format("{} = {{}}", table.ref).c_str(), query.ref);
        if (!query.status.empty()) where.And("status = {}", query.status);
        if (query.correlation_id) where.And("correlation_id = {}::uuid", query.correlation_id->ToString());
        if (query.after) {
          where.And("(created, id) < ({}::timestamptz, {}::uuid)",
                    {TimestampText(query.after->time), query.after->key});
        }
        auto rows = session.RunText(fmt::format("SELECT {} FROM {} WHERE {} ORDER BY created DESC, id DESC LIMIT {}",
                                                table.columns, table.name, where.text(), left),
                                    where.args());
        if (!rows.ok()) return rows.status();
        for (const auto& row : *rows) add(row);
        left -= static_cast<int>(rows->size());
        return left <= 0;
      });
}

template <typename Record, typename From>
absl::StatusOr<std::vector<Record>> ListOf(Session& session, const Table& table, const domain::RecordQuery& query,
                                           From from) {
  std::vector<Record> records;
  absl::Status listed = List(session, table, query, [&](const pqxx::row& row) { records.push_back(from(row)); });
  if (!listed.ok()) return listed;
  return records;
}

}  // namespace

absl::StatusOr<domain::TriggerEvent> GetEvent(Session& session, const domain::RecordKey& key) {
  auto rows = Find(session, kEvents, key);
  if (!rows.ok()) return rows.status();
  return TriggerEventFrom((*rows)[0]);
}

absl::StatusOr<domain::Enforcement> GetEnforcement(Session& session, const domain::RecordKey& key) {
  auto rows = Find(session, kEnforcements, key);
  if (!rows.ok()) return rows.status();
  return EnforcementFrom((*rows)[0]);
}

absl::StatusOr<domain::Execution> GetExecution(Session& session, const domain::RecordKey& key) {
  auto rows = Find(session, kExecutions, key);
  if (!rows.ok()) return rows.status();
  return ExecutionFrom((*rows)[0]);
}

absl::StatusOr<std::vector<domain::TriggerEvent>> ListEvents(Session& session, const domain::RecordQuery& query) {
  return ListOf<domain::TriggerEvent>(session, kEvents, query, TriggerEventFrom);
}

absl::StatusOr<std::vector<domain::Enforcement>> ListEnforcements(Session& session, const domain::RecordQuery& query) {
  return ListOf<domain::Enforcement>(session, kEnforcements, query, EnforcementFrom);
}

absl::StatusOr<std::vector<domain::Execution>> ListExecutions(Session& session, const domain::RecordQuery& query) {
  return ListOf<domain::Execution>(session, kExecutions, query, ExecutionFrom);
}

}  // namespace eventstore::storage
