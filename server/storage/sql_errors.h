// From PostgreSQL's SQLSTATE to a domain error: the one table of its kind.
#pragma once

#include <exception>
#include <string>

#include "absl/status/status.h"

namespace eventstore::storage {

// For whatever libpqxx threw. A lost connection, a server starting up or shutting down, and a lack of connections are
// DATABASE_UNAVAILABLE; 57014 is DEADLINE_EXCEEDED (statement_timeout is the only thing that cancels here).
absl::Status StatusFromException(const std::exception& error);

// The same for what libpq reports. Without a SQLSTATE it is the connection that was lost.
absl::Status StatusFromSqlState(const std::string& state, const std::string& message);

// The SQLSTATE StatusFromException saw, "" when there was none.
std::string SqlStateOf(const absl::Status& status);

// The connection is gone or useless: the session must be replaced before its next use.
bool IsConnectionLost(const absl::Status& status);

// What `call` returns (a Status or StatusOr), or the status of what it threw: rows whose text does not convert throw.
template <typename F>
auto Caught(F&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    return StatusFromException(error);
  }
}

}  // namespace eventstore::storage
