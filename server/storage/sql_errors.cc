#include "server/storage/sql_errors.h"

#include <pqxx/pqxx>

#include <array>
#include <string_view>

#include "absl/strings/cord.h"
#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::storage {
namespace {

using domain::Error;
using domain::Reason;

constexpr char kSqlStateUrl[] = "eventstore/sqlstate";
constexpr char kLostUrl[] = "eventstore/connection-lost";

struct Row {
  std::string_view prefix;  // of the SQLSTATE
  Reason reason;
  const char* advice;
};

// First match wins, so the exact states stand before their classes.
constexpr std::array<Row, 15> kTable{{
    // Of our own: migrations/0026_legacy_mirror.sql.
    {"ESD01", Reason::kDatabaseUnavailable,
     "nothing was written; mend the legacy table and try again, or link it anew without --strict"},
    {"57014", Reason::kDeadlineExceeded,
     "the statement was cancelled when its time was up; allow more time or ask for less"},
    {"25P03", Reason::kDatabaseUnavailable, "the session was idle for too long; try again"},
    {"55P03", Reason::kDatabaseUnavailable, "a lock was not free in time; try again"},
    {"40001", Reason::kDatabaseUnavailable, "the transaction lost a race; try again"},
    {"40P01", Reason::kDatabaseUnavailable, "the transaction was chosen to end a deadlock; try again"},
    {"57P", Reason::kDatabaseUnavailable, "the database is shutting down or starting; try again"},
    {"53", Reason::kDatabaseUnavailable, "the database lacks a resource (disk, memory or connections); see its log"},
    {"58", Reason::kDatabaseUnavailable, "the database could not read or write a file; see its log"},
    {"08", Reason::kDatabaseUnavailable, "the connection to the database failed; try again"},
    {"25006", Reason::kDatabaseUnavailable,
     "the database is read-only (a standby?); point DATABASE_URL at the primary"},
    {"28", Reason::kDatabaseUnavailable, "the database refused the login; check DATABASE_URL"},
    {"3D000", Reason::kDatabaseUnavailable, "the database named in DATABASE_URL does not exist; create it"},
    {"42P01", Reason::kStoreIncompatible, "a table is missing; run `eventctl migrate up`"},
    {"42501", Reason::kStoreIncompatible, "the database role lacks a right; see docs/operations.md"},
}};

absl::Status Make(Reason reason, const std::string& message, const std::string& state, bool lost) {
  Error error;
  error.reason = reason;
  error.message = message;
  if (!state.empty()) error.metadata.emplace_back("sqlstate", state);
  if (reason == Reason::kDatabaseUnavailable) error.retry_after_ms = 1000;
  absl::Status status = domain::ToStatus(error);
  if (!state.empty()) status.SetPayload(kSqlStateUrl, absl::Cord(state));
  if (lost) status.SetPayload(kLostUrl, absl::Cord("1"));
  return status;
}

// libpqxx 6 knows these states and throws their types without them; libpqxx 7 keeps the state.
std::string StateOf(const std::exception& error) {
  if (const auto* sql = dynamic_cast<const pqxx::sql_error*>(&error); sql != nullptr && !sql->sqlstate().empty()) {
    return sql->sqlstate();
  }
  if (dynamic_cast<const pqxx::serialization_failure*>(&error) != nullptr) return "40001";
  if (dynamic_cast<const pqxx::deadlock_detected*>(&error) != nullptr) return "40P01";
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  return "";
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::Status StatusFromSqlState(const std::string& state, const std::string& message) {
  const std::string what = FirstLine(message);
  // Class 57P: the backend is being terminated, so the session is useless although it answered.
  const bool lost = state.empty() || state.starts_with("57P") || state.starts_with("08") || state == "25P03";
  for (const Row& row : kTable) {
    if (state.starts_with(row.prefix)) {
      return Make(row.reason, fmt::format("PostgreSQL: {} ({}); {}", what, state, row.advice), state, lost);
    }
  }
  if (state.empty()) {
    return Make(Reason::kDatabaseUnavailable, fmt::format("the database went away: {}; try again", what), "", true);
  }
  return Make(Reason::kInternal, fmt::format("PostgreSQL: {} ({}); please report this", what, state), state, lost);
}

absl::Status StatusFromException(const std::exception& error) {
  const std::string state = StateOf(error);
  if (!state.empty() || dynamic_cast<const pqxx::sql_error*>(&error) != nullptr) {
    return StatusFromSqlState(state, error.what());
  }
  const std::string what = FirstLine(error.what());
  if (dynamic_cast<const pqxx::broken_connection*>(&error) != nullptr) {
    return Make(Reason::kDatabaseUnavailable, fmt::format("the database cannot be reached: {}; try again", what), "",
                true);
  }
  return Make(Reason::kInternal, fmt::format("unexpected failure: {}; please report this", what), "", true);
}

std::string SqlStateOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kSqlStateUrl);
  return payload ? std::string(*payload) : "";
}

bool IsConnectionLost(const absl::Status& status) { return status.GetPayload(kLostUrl).has_value(); }

}  // namespace eventstore::storage
