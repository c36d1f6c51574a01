#include "fmt/format.h"
#include "server/domain/operations/transitions.h"
#include "server/storage/operations/record_rows.h"
#include "server/storage/operations/record_store.h"
#include "server/storage/operations/record_writes.h"
#include "server/storage/transaction.h"

namespace eventstore::storage {
namespace {

// One kind of record: `insert` makes it; `known` gives one of the last 24 hours with the id $1, and whether its contents are
// those of the other parameters. Two servers' clocks have no say in what 24 hours are.
struct Statements {
  const char* what;
  Query insert;
  Query known;
};

// SQL is ours: it is put together of constants once.
std::string InsertText(const std::string& table, const std::string& columns, const std::string& values,
                       const std::string& returning) {
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) RETURNING {}", table, columns, values, returning);
}

std::string KnownText(const std::string& table, const std::string& same, const std::string& columns) {
  return fmt::format(
      "SELECT {}, {} FROM {} WHERE id = $1::uuid AND created > clock_timestamp() - interval '24 hours' "
      "ORDER BY created LIMIT 1",
      columns, same, table);
}

absl::StatusOr<pqxx::result> InsertUnlessKnown(Session& session, const Statements& statements, const domain::Uuid& id,
                                               const pq::Args& args, bool& known) {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  // In a statement of its own: the next one's snapshot is then newer than the lock.
  auto locked = session.RunText("SELECT pg_advisory_xact_lock($1::integer, hashtext($2))",
                                {fmt::format("{}", kRecordIdLockClass), id.ToString()});
  if (!locked.ok()) return locked.status();
  auto stored = session.Run(statements.known, args);
  if (!stored.ok()) return stored.status();
  known = !stored->empty();
  if (known) {
    if (!(*stored)[0][static_cast<int>(stored->columns()) - 1].as<bool>()) {
      return domain::RecordIdConflict(statements.what, id.ToString());
    }
    return stored;
  }
  auto made = session.Run(statements.insert, args);
  if (!made.ok()) return made.status();
  if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
  return made;
}

absl::StatusOr<pqxx::result> Create(Session& session, const Statements& statements, const domain::NewId& id,
                                    const pq::Args& args) {
  return WriteRecord(session, id.sent, [&]() -> absl::StatusOr<pqxx::result> {
    if (!id.sent) return session.Run(statements.insert, args);
    bool known = false;
    return InsertUnlessKnown(session, statements, id.id, args, known);
  });
}

}  // namespace

absl::StatusOr<domain::TriggerEvent> RecordEvent(Session& session, const domain::NewTriggerEvent& event) {
  static const std::string insert =
      InsertText("event", "id, trigger_ref, trigger_id, source, rule_ref, payload, correlation_id",
                 "$1::uuid, $2, $3::uuid, $4, $5, $6::jsonb, $7::uuid", kTriggerEventColumns);
  static const std::string known =
      KnownText("event",
                "(trigger_ref, trigger_id, source, rule_ref, payload, correlation_id) IS NOT DISTINCT FROM "
                "($2::text, $3::uuid, $4::text, $5::text, $6::jsonb, $7::uuid)",
                kTriggerEventColumns);
  const Statements statements{
      "event", {"operations_record_event", insert.c_str()}, {"operations_known_event", known.c_str()}};
  auto rows = Create(session, statements, event.id,
                     {event.id.id.ToString(), event.trigger_ref, TextOf(event.trigger_id), event.source, event.rule_ref,
                      event.payload, TextOf(event.correlation_id)});
  if (!rows.ok()) return rows.status();
  return TriggerEventFrom((*rows)[0]);
}

absl::StatusOr<domain::Enforcement> CreateEnforcement(Session& session, const domain::NewEnforcement& enforcement) {
  static const std::string insert =
      InsertText("enforcement", "id, rule_ref, rule_id, trigger_ref, event_id, condition, payload, correlation_id",
                 "$1::uuid, $2, $3::uuid, $4, $5::uuid, $6::jsonb, $7::jsonb, $8::uuid", kEnforcementColumns);
  static const std::string known =
      KnownText("enforcement",
                "(rule_ref, rule_id, trigger_ref, event_id, condition, payload, correlation_id) IS NOT DISTINCT FROM "
                "($2::text, $3::uuid, $4::text, $5::uuid, $6::jsonb, $7::jsonb, $8::uuid)",
                kEnforcementColumns);
  const Statements statements{"enforcement",
                              {"operations_create_enforcement", insert.c_str()},
                              {"operations_known_enforcement", known.c_str()}};
  auto rows = Create(
      session, statements, enforcement.id,
      {enforcement.id.id.ToString(), enforcement.rule_ref, TextOf(enforcement.rule_id), enforcement.trigger_ref,
       TextOf(enforcement.event_id), enforcement.condition, enforcement.payload, TextOf(enforcement.correlation_id)});
  if (!rows.ok()) return rows.status();
  return EnforcementFrom((*rows)[0]);
}

absl::StatusOr<domain::Execution> CreateExecution(Session& session, const domain::NewExecution& execution) {
  static const std::string insert =
      InsertText("execution", "id, action_ref, action_id, enforcement_id, parent_id, parameters, correlation_id",
                 "$1::uuid, $2, $3::uuid, $4::uuid, $5::uuid, $6::jsonb, $7::uuid", kExecutionColumns);
  // What it was made of, wherever it has moved to since.
  static const std::string known =
      KnownText("execution",
                "(action_ref, action_id, enforcement_id, parent_id, parameters, correlation_id) IS NOT DISTINCT FROM "
                "($2::text, $3::uuid, $4::uuid, $5::uuid, $6::jsonb, $7::uuid)",
                kExecutionColumns);
  const Statements statements{
      "execution", {"operations_create_execution", insert.c_str()}, {"operations_known_execution", known.c_str()}};
  auto rows = Create(
      session, statements, execution.id,
      {execution.id.id.ToString(), execution.action_ref, TextOf(execution.action_id), TextOf(execution.enforcement_id),
       TextOf(execution.parent_id), execution.parameters, TextOf(execution.correlation_id)});
  if (!rows.ok()) return rows.status();
  return ExecutionFrom((*rows)[0]);
}

}  // namespace eventstore::storage
