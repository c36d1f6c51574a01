// A transaction on a Session, which runs every statement by itself otherwise. Rolled back unless it is committed. After an
// error nothing more may be run in it: the connection may be another one.
#pragma once

#include "absl/status/status.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {

class Transaction {
 public:
  explicit Transaction(Session& session) : session_(session) {}
  ~Transaction() {
    if (open_) (void)session_.RunScript("ROLLBACK");
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Waits for the disk at COMMIT, whatever the session's own setting is: that of a reader does not.
  absl::Status Begin() {
    auto begun = session_.RunScript(kBegin);
    // The connection had died unnoticed; nothing was done yet.
    if (!begun.ok() && IsConnectionLost(begun.status())) begun = session_.RunScript(kBegin);
    if (!begun.ok()) return begun.status();
    open_ = true;
    return absl::OkStatus();
  }

  absl::Status Commit() {
    open_ = false;
    return session_.RunScript("COMMIT").status();
  }

 private:
  static constexpr char kBegin[] = "BEGIN; SET LOCAL synchronous_commit = on";
  Session& session_;
  bool open_ = false;
};

}  // namespace eventstore::storage
