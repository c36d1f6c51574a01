// The row of eventstore_projections that says how far a projection has come, and the lock on it.
//
// The lock is the session's, so it goes with the connection. The row is moved only from where this process left it: whoever
// lost the lock without knowing changes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <pqxx/pqxx>

namespace eventstore::client::internal {

// All throw what libpqxx throws.
class Place {
 public:
  explicit Place(std::string name) : name_(std::move(name)) {}

  // Makes the table when there is none.
  static void EnsureTable(pqxx::connection& connection);
  // False: another session has it.
  bool TryLock(pqxx::connection& connection) const;
  // Where it is now; none: nothing was applied yet.
  void Read(pqxx::connection& connection);

  const std::optional<std::int64_t>& position() const { return position_; }

  // In the transaction. False: somebody else has moved it or taken it away; do not commit.
  bool Move(pqxx::work& tx, std::int64_t to) const;
  // The transaction of Move() was committed.
  void Moved(std::int64_t to) { position_ = to; }

 private:
  const std::string name_;
  std::optional<std::int64_t> position_;
};

}  // namespace eventstore::client::internal
