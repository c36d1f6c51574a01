#include "server/storage/session.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/conninfo.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

constexpr char kReaderSettings[] = "SET plan_cache_mode = force_generic_plan; SET synchronous_commit = off";

}  // namespace

Session::Session(std::string conninfo, std::string role, SessionKind kind)
    : conninfo_(std::move(conninfo)), role_(std::move(role)), kind_(kind) {}

Session::~Session() { Disconnect(); }

void Session::Disconnect() {
  tx_.reset();
  connection_.reset();
  prepared_.clear();
  kept_.Clear();
  statement_timeout_ = std::chrono::milliseconds{0};
}

absl::Status Session::EnsureConnected() {
  if (tx_) return absl::OkStatus();
  auto complete = CompleteConninfo(conninfo_, fmt::format("eventstored {}", role_));
  if (!complete.ok()) return complete.status();
  try {
    connection_ = std::make_unique<pq::Connection>(*complete);
    tx_ = std::make_unique<pqxx::nontransaction>(*connection_);
    pq::ExecScript(*tx_, std::string(kSessionSettings) + (kind_ == SessionKind::kReader ? kReaderSettings : ""));
  } catch (const std::exception& error) {
    absl::Status status = StatusFromException(error);
    Disconnect();
    return status;
  }
  ++generation_;
  return absl::OkStatus();
}

template <typename F>
absl::StatusOr<pqxx::result> Session::Guarded(F&& call) {
  if (absl::Status connected = EnsureConnected(); !connected.ok()) return connected;
  try {
    return call();
  } catch (const std::exception& error) {
    absl::Status status = StatusFromException(error);
    if (IsConnectionLost(status)) Disconnect();
    return status;
  }
}

absl::StatusOr<pqxx::result> Session::Run(const Query& query, const pq::Args& args) {
  return Guarded([&] {
    if (!prepared_.contains(query.name)) {
      connection_->prepare(query.name, query.sql);
      prepared_.insert(query.name);
    }
    return pq::ExecPrepared(*tx_, query.name, args);
  });
}

absl::StatusOr<pqxx::result> Session::RunText(const std::string& sql, const pq::Args& args) {
  return Guarded([&] { return pq::ExecParams(*tx_, sql, args); });
}

absl::StatusOr<pqxx::result> Session::RunKept(const std::string& sql, const pq::Args& args) {
  return Guarded([&] {
    const StatementCache::Step step = kept_.Use(sql);
    if (!step.give_up.empty()) connection_->unprepare(step.give_up);
    if (step.name.empty()) return pq::ExecParams(*tx_, sql, args);
    if (!step.prepare) return pq::ExecPrepared(*tx_, step.name, args);
    try {
      connection_->prepare(step.name, sql);
      return pq::ExecPrepared(*tx_, step.name, args);
    } catch (...) {
      kept_.Remove(sql);
      throw;
    }
  });
}

absl::StatusOr<std::vector<Rows>> Session::RunKeptTogether(std::span<const KeptStatement> statements) {
  if (absl::Status connected = EnsureConnected(); !connected.ok()) return connected;
  auto rows = RunTogether(connection_->raw(), kept_, statements);
  // Nor is one of use that did not come out of pipeline mode.
  const bool usable = PQpipelineStatus(connection_->raw()) == PQ_PIPELINE_OFF;
  if (!rows.ok() && (!usable || IsConnectionLost(rows.status()))) Disconnect();
  return rows;
}

absl::StatusOr<pqxx::result> Session::RunScript(const std::string& sql) {
  return Guarded([&] { return pq::ExecScript(*tx_, sql); });
}

absl::Status Session::SetStatementTimeout(std::chrono::milliseconds timeout) {
  if (absl::Status connected = EnsureConnected(); !connected.ok()) return connected;
  if (timeout == statement_timeout_) return absl::OkStatus();
  // set_config takes a parameter; SET does not.
  static constexpr Query kSet{"set_statement_timeout", "SELECT set_config('statement_timeout', $1, false)"};
  auto set = Run(kSet, {fmt::format("{}ms", timeout.count())});
  if (!set.ok()) return set.status();
  statement_timeout_ = timeout;
  return absl::OkStatus();
}

int Session::backend_pid() const { return connection_ ? connection_->backendpid() : 0; }

}  // namespace eventstore::storage
