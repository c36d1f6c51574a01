// Brings a database to the schema this program was built for, and tells how far it is.
//
// Each migration is one transaction together with its row in schema_migrations(number, name, checksum, applied_at,
// duration_ms), so a failure or a kill leaves the database at the migration before it; Up() goes on from there.
//
// Refused with STORE_INCOMPATIBLE, the database untouched, the message saying what to do: a database with migrations
// this program does not know; an applied migration whose checksum differs; a gap; another engine; PostgreSQL or
// TimescaleDB missing, not preloaded or too old (server_facts.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/migration_set.h"
#include "server/storage/server_facts.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct MigrationState {
  int number = 0;
  std::string name;
  std::string checksum;
  bool applied = false;
  std::string applied_at;  // ISO 8601, UTC; "" when not applied
  std::int64_t duration_ms = 0;
};

struct MigrationStatus {
  std::string engine;
  std::string edition;            // "" before the first migration
  std::string server_version;     // PostgreSQL's
  std::string extension_version;  // TimescaleDB's; before the first migration the one that would be used
  std::vector<MigrationState> migrations;
  int pending = 0;
};

struct MigrationOptions {
  // Append lanes of a new store, 1 to 64; recorded by the first migration and not changed by later ones.
  int lanes = 2;
  // Of a new store, as PostgreSQL writes intervals.
  std::string chunk_interval = "1 day";
  // How long to wait for another instance that is migrating. Then DATABASE_UNAVAILABLE.
  std::chrono::milliseconds lock_wait{60'000};
  // Called when there is something to wait for.
  std::function<void(const std::string&)> notice = {};
};

// Used by one thread at a time; several Migrators, in any processes, may work on one database.
class Migrator {
 public:
  Migrator(std::string conninfo, MigrationSet set);

  // Reads only.
  absl::StatusOr<MigrationStatus> Status();

  // Called with applied = false when a migration begins and with applied = true when it is committed; `done` counts
  // those committed by this Up() out of `total`.
  using Progress = std::function<void(const MigrationState&, int done, int total)>;

  // Applies what is pending and records the licence edition when it changed. Of several instances one does it, the
  // others wait and find nothing left to do.
  absl::StatusOr<MigrationStatus> Up(const MigrationOptions& options, const Progress& progress);

 private:
  struct Inspection;

  absl::StatusOr<Inspection> Inspect();
  absl::StatusOr<std::vector<MigrationState>> ReadApplied();
  absl::Status CheckApplied(const std::vector<MigrationState>& applied) const;
  absl::Status Lock(const MigrationOptions& options);
  absl::StatusOr<std::string> LockHolder();
  absl::Status ApplyPending(const Inspection& before, const MigrationOptions& options, const Progress& progress);
  absl::StatusOr<MigrationState> Apply(const Migration& migration, const MigrationOptions& options);
  absl::StatusOr<MigrationState> RunInTransaction(const Migration& migration, const MigrationOptions& options);
  absl::Status GiveSettings(const MigrationOptions& options);
  absl::Status RecordEdition(const Inspection& inspection);

  const MigrationSet set_;
  Session session_;
};

}  // namespace eventstore::storage
