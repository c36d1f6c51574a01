// A PostgreSQL with TimescaleDB of the server's own, for when no DATABASE_URL is given: initialised on first use,
// started, watched, started again when it dies, stopped cleanly. Nobody else needs to know it is there.
//
// It listens on a unix socket alone. Its one role, a superuser named `eventstore`, has a generated password (scram) that is
// kept in <data_dir>/passfile, mode 0600, and shows in no log and no argument list.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::embedded {

struct PrivatePostgresOptions {
  // Holds pgdata/ (the cluster), run/ (the unix socket), log/ (one file a weekday, overwritten a week later), passfile,
  // conninfo, eventstore.conf (rewritten on each start), local.conf (the operator's own settings; they win) and lock.
  // Made when missing. A socket path may have 107 bytes: below a longer folder the socket goes to a short one of its own.
  std::string data_dir;
  std::string bin_dir;  // the folder of postgres and initdb; empty: FindPostgresBinaries()
  std::string database = "eventstore";
  // false turns fsync off, for tests only: a crash of the machine then destroys the cluster. The log says so.
  bool durable = true;
  int max_connections = 64;
  // Locks one transaction can count on. A statement over all of a hypertable locks each chunk and its indexes, so ten
  // years of daily chunks need about 25 000; the table shared by 64 connections has room for three times that (25 MB).
  int max_locks_per_transaction = 1024;
  int shared_buffers_mb = 0;  // 0: a quarter of the memory this process may use, from 64 to 8192
  // Further PostgreSQL settings by name, after all others.
  std::map<std::string, std::string> extra_settings;
  // Asked ten times a second while Start() waits; true ends the waiting with CANCELLED, PostgreSQL stopped. Empty: never.
  std::function<bool()> stop_requested;
};

class PrivatePostgres {
 public:
  // Returns when the database answers. Recovery after a crash may make this take minutes; the log says so.
  // A PostgreSQL that an earlier server left running on this folder is stopped first. Refused, with the cluster
  // untouched: a folder another server uses, a cluster of another major version, a folder its account cannot enter.
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> Start(PrivatePostgresOptions options);
  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // For libpq; names the passfile, holds no secret. The same for the life of the object, whatever restarts happen.
  const std::string& conninfo() const;
  // -1 while it is being started again.
  pid_t postmaster_pid() const;
  // Open transactions are rolled back and a checkpoint is written; what does not end within a minute is forced.
  // Safe to call twice.
  void Stop();

 private:
  struct Parts;
  explicit PrivatePostgres(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// The folder of the PostgreSQL programs to use: EVENTSTORE_PG_BIN, then what tools/setup/postgres.sh unpacked into a
// cache folder, then /usr/lib/postgresql/*/bin, each only with TimescaleDB. The highest version first.
absl::StatusOr<std::string> FindPostgresBinaries();

// How to reach the database of a server that is running on `data_dir`: what that server wrote to <data_dir>/conninfo.
absl::StatusOr<std::string> ConninfoOf(const std::string& data_dir);

}  // namespace eventstore::embedded
