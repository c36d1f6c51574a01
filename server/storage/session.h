// One connection to PostgreSQL, used by one thread at a time. Errors come back as domain errors (sql_errors.h); after
// a lost connection every call answers DATABASE_UNAVAILABLE until Reconnect().
//
// Session settings, sent at connect: UTC, ISO dates, synchronous_commit = on, bounded
// idle_in_transaction_session_timeout, plan_cache_mode = force_custom_plan (a generic plan over a hypertable opens
// every chunk). Those of a reader: below.
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/kept_together.h"
#include "server/storage/pq_compat.h"
#include "server/storage/statement_cache.h"

namespace eventstore::storage {

// Run once a connection, by every kind of session.
//
// idle_in_transaction_session_timeout ends a transaction whose client stopped: it would hold its lanes and the horizon
// of every subscriber. 60 s is far above any pause between two of our own statements.
inline constexpr char kSessionSettings[] =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET synchronous_commit = on; "
    "SET idle_in_transaction_session_timeout = '60s'; SET plan_cache_mode = force_custom_plan; "
    "SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning; "
    "SET jit = off; SET search_path = public;";

// A named statement: prepared once per session under its name.
struct Query {
  const char* name;
  const char* sql;
};

// A reader asks chunks by their own names and never the hypertable, so each statement has one plan for all values, and
// it is kept. It writes nothing that must last, yet planning a read of a chunk makes TimescaleDB lock a row of its
// catalogue, which gives the read a transaction id and a commit: with synchronous_commit = on that would wait for the
// disk.
enum class SessionKind { kGeneral, kReader };

class Session {
 public:
  // `conninfo`: a libpq connection string or URL. `role` shows in pg_stat_activity as "eventstored <role>".
  Session(std::string conninfo, std::string role, SessionKind kind = SessionKind::kGeneral);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Opens the connection unless it is open. Counts connections made, so that callers notice a change of session.
  absl::Status EnsureConnected();
  bool connected() const { return tx_ != nullptr; }
  std::uint64_t generation() const { return generation_; }
  void Disconnect();

  absl::StatusOr<pqxx::result> Run(const Query& query, const pq::Args& args);
  // Not prepared: for SQL whose text names a chunk's own table.
  absl::StatusOr<pqxx::result> RunText(const std::string& sql, const pq::Args& args);
  // As RunText; prepared when it comes again, as long as there is room (StatementCache).
  absl::StatusOr<pqxx::result> RunKept(const std::string& sql, const pq::Args& args);
  // As RunKept of each, in one round trip and one transaction. After an error none of those behind it was run.
  absl::StatusOr<std::vector<Rows>> RunKeptTogether(std::span<const KeptStatement> statements);
  // Several statements without parameters; the result of the last one.
  absl::StatusOr<pqxx::result> RunScript(const std::string& sql);

  // For the statements that follow. Sent only when it differs from what the session has. 0: none.
  absl::Status SetStatementTimeout(std::chrono::milliseconds timeout);

  int backend_pid() const;

 private:
  template <typename F>
  absl::StatusOr<pqxx::result> Guarded(F&& call);

  const std::string conninfo_;
  const std::string role_;
  const SessionKind kind_;
  std::unique_ptr<pq::Connection> connection_;
  std::unique_ptr<pqxx::nontransaction> tx_;
  std::set<std::string> prepared_;
  // Two statements for each day of a year: some 40 MB in PostgreSQL at most.
  static constexpr std::size_t kKeptStatements = 768;
  StatementCache kept_{kKeptStatements};
  std::chrono::milliseconds statement_timeout_{0};
  std::uint64_t generation_ = 0;
};

}  // namespace eventstore::storage
