// Whether the database answers, told within a given time. A Session cannot tell: its calls wait for as long as the
// database neither answers nor breaks the connection, as one whose disk or machine hangs does.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"

namespace eventstore::storage {

// Keeps one connection. Not thread-safe.
class DatabaseProbe {
 public:
  // `conninfo` and `role` as those of Session.
  DatabaseProbe(std::string conninfo, std::string role) : conninfo_(std::move(conninfo)), role_(std::move(role)) {}

  // Ok: it is there and takes writes. Returns after `patience` at the latest, but for the time libpq needs to look up
  // a host name.
  absl::Status Ask(std::chrono::milliseconds patience);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Closer {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };

  absl::Status Connect(Time end);
  absl::Status Query(Time end);
  // Until the connection's socket has one of `events` (those of poll); false: the time is up.
  bool Await(short events, Time end) const;
  // The connection cannot be used any more.
  absl::Status Lost(const std::string& what);

  const std::string conninfo_;
  const std::string role_;
  std::unique_ptr<PGconn, Closer> connection_;
};

}  // namespace eventstore::storage
