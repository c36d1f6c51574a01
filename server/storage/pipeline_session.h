// One connection to PostgreSQL for transactions of few round trips: statements are queued, go out together, and their
// results are collected together (libpq's pipeline mode, which libpqxx does not have). Parameters and results are binary
// (pg_binary.h). Used by one thread at a time.
//
// After an error PostgreSQL skips what was sent with the statement that failed; Collect() returns that error. Errors are
// domain errors as Session's (sql_errors.h); after a lost connection the session is closed and must be connected anew.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/binary_rows.h"
#include "server/storage/pg_binary.h"

namespace eventstore::storage {

// A statement that is prepared once a session, under its name.
struct Prepared {
  std::string name;
  std::string sql;
};

// Binary values with their types.
class Parameters {
 public:
  Parameters& Add(BinaryArray array);
  Parameters& AddInt4(std::int32_t value);
  Parameters& AddInt8(std::int64_t value);
  Parameters& AddTime(domain::TimeMicros time);
  Parameters& AddText(std::string text);
  Parameters& AddId(const std::optional<domain::Uuid>& id);
  Parameters& AddJson(std::string_view text);
  Parameters& AddNull(PgType type);

 private:
  friend class PipelineSession;
  std::string& Next(PgType type);

  std::vector<Oid> types_;
  std::vector<std::optional<std::string>> values_;
};

class PipelineSession {
 public:
  // As of Session. `settings`: SQL that is run once a connection.
  PipelineSession(std::string conninfo, std::string role, std::string settings);

  absl::Status EnsureConnected();
  bool connected() const { return connection_ != nullptr; }
  std::uint64_t generation() const { return generation_; }
  void Disconnect();
  // As of the last Collect().
  bool in_transaction() const;

  // Queues a statement.
  absl::Status Add(const Prepared& statement, const Parameters& parameters = {});
  // The same for one that is planned for these values alone.
  absl::Status AddOnce(const std::string& sql, const Parameters& parameters);
  // Sends what is queued, without waiting for results.
  absl::Status Send();
  // Waits for the results of what was sent, one for each statement, in order.
  absl::StatusOr<std::vector<Rows>> Collect();
  // Of the last Collect(): how many statements had succeeded before one failed.
  std::size_t succeeded() const { return succeeded_; }
  // Send and Collect.
  absl::StatusOr<std::vector<Rows>> Run();

 private:
  struct Awaited {
    std::string preparing;  // the name of the statement that this prepares; empty: it runs one
  };

  bool CollectOne(const Awaited& awaited, std::vector<Rows>& rows, absl::Status& failed);
  absl::Status Lost();
  absl::Status LostAs(const std::string& message);

  const std::string conninfo_;
  const std::string role_;
  const std::string settings_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::unordered_set<std::string> prepared_;
  std::vector<Awaited> awaited_;  // queued or sent
  std::size_t succeeded_ = 0;
  std::uint64_t generation_ = 0;
};

}  // namespace eventstore::storage
