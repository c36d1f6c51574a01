#include "server/storage/kept_together.h"

#include <memory>
#include <utility>

#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr int kAsBinary = 1;

// What was sent, in order.
struct Sent {
  enum class Kind { kGivingUp, kPreparing, kRunning } kind;
  const std::string* sql;
};

std::vector<const char*> Values(const pq::Args& args) {
  std::vector<const char*> values;
  values.reserve(args.size());
  for (const auto& arg : args) values.push_back(arg ? arg->c_str() : nullptr);
  return values;
}

bool Send(PGconn* connection, const KeptStatement& statement, const StatementCache::Step& step,
          std::vector<Sent>& sent) {
  if (!step.give_up.empty()) {
    sent.push_back({Sent::Kind::kGivingUp, &statement.sql});
    if (PQsendQueryParams(connection, ("DEALLOCATE " + step.give_up).c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                          kAsBinary) != 1) {
      return false;
    }
  }
  if (step.prepare) {
    sent.push_back({Sent::Kind::kPreparing, &statement.sql});
    if (PQsendPrepare(connection, step.name.c_str(), statement.sql.c_str(), 0, nullptr) != 1) return false;
  }
  sent.push_back({Sent::Kind::kRunning, &statement.sql});
  const auto values = Values(statement.args);
  const int count = static_cast<int>(values.size());
  if (step.name.empty()) {
    return PQsendQueryParams(connection, statement.sql.c_str(), count, nullptr, values.data(), nullptr, nullptr,
                             kAsBinary) == 1;
  }
  return PQsendQueryPrepared(connection, step.name.c_str(), count, values.data(), nullptr, nullptr, kAsBinary) == 1;
}

absl::Status StatusOf(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  return StatusFromSqlState(state == nullptr ? "" : state, message == nullptr ? PQresultErrorMessage(result) : message);
}

struct Collected {
  std::vector<Rows> rows;
  absl::Status failed = absl::OkStatus();  // of the first that did; those behind it were not run
};

// The answer to one. False: the connection is lost.
bool Collect(PGconn* connection, StatementCache& kept, const Sent& one, Collected& collected) {
  bool answered = false;
  for (Result result(PQgetResult(connection), &PQclear); result; result.reset(PQgetResult(connection))) {
    answered = true;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      if (collected.failed.ok() && status != PGRES_PIPELINE_ABORTED) collected.failed = StatusOf(result.get());
      if (one.kind == Sent::Kind::kPreparing) kept.Remove(*one.sql);
    } else if (one.kind == Sent::Kind::kRunning) {
      collected.rows.emplace_back(result.release());
    }
    if (PQstatus(connection) != CONNECTION_OK) return false;
  }
  return answered;
}

}  // namespace

absl::StatusOr<std::vector<Rows>> RunTogether(PGconn* connection, StatementCache& kept,
                                              std::span<const KeptStatement> statements) {
  Collected collected;
  const auto lost = [&] {
    return collected.failed.ok() ? StatusFromSqlState("", PQerrorMessage(connection)) : collected.failed;
  };
  if (PQenterPipelineMode(connection) != 1) return lost();
  std::vector<Sent> sent;
  for (const KeptStatement& statement : statements) {
    if (!Send(connection, statement, kept.Use(statement.sql), sent)) return lost();
  }
  if (PQpipelineSync(connection) != 1) return lost();
  for (const Sent& one : sent) {
    if (!Collect(connection, kept, one, collected)) return lost();
  }
  const Result sync(PQgetResult(connection), &PQclear);
  if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(connection) != 1) {
    return StatusFromSqlState("", PQerrorMessage(connection));
  }
  if (!collected.failed.ok()) return collected.failed;
  return std::move(collected.rows);
}

}  // namespace eventstore::storage
