#include "server/storage/migrator.h"

#include <optional>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/engines/engine.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {

// Everything Status() and Up() decide on.
struct Migrator::Inspection {
  MigrationStatus status;
  // What store_identity says; nullopt while there is no such row.
  std::optional<std::string> recorded_edition;

  bool EditionChanged() const { return recorded_edition && *recorded_edition != status.edition; }
};

namespace {

using domain::ErrorOf;
using domain::Reason;

// Session-level, so that it outlives each migration's transaction. One 64-bit key ("evstmigr" in ASCII): the lanes use
// pairs of 32-bit keys, which PostgreSQL keeps apart.
constexpr Query kTryLock{"migrate_try_lock", "SELECT pg_try_advisory_lock(7311157988971603826)"};
constexpr Query kLock{"migrate_lock", "SELECT pg_advisory_lock(7311157988971603826)"};
constexpr Query kHolder{"migrate_lock_holder", R"sql(
SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'local')
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32 | l.objid::bigint) = 7311157988971603826
)sql"};
constexpr Query kLockTimeout{"migrate_lock_timeout", "SELECT set_config('lock_timeout', $1, false)"};

constexpr Query kTables{"migrate_tables", R"sql(
SELECT to_regclass('schema_migrations') IS NOT NULL, to_regclass('store_identity') IS NOT NULL
)sql"};
constexpr Query kApplied{"migrate_applied", R"sql(
SELECT number, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), duration_ms
FROM schema_migrations ORDER BY number
)sql"};
constexpr Query kIdentity{"migrate_identity", "SELECT engine, edition FROM store_identity"};

constexpr Query kSettings{"migrate_settings", R"sql(
SELECT set_config('eventstore.engine', $1, true), set_config('eventstore.edition', $2, true),
       set_config('eventstore.lanes', $3, true), set_config('eventstore.chunk_interval', $4, true)
)sql"};
// now() is when the transaction began.
constexpr Query kRecord{"migrate_record", R"sql(
INSERT INTO schema_migrations (number, name, checksum, duration_ms)
VALUES ($1::integer, $2, $3, extract(epoch FROM clock_timestamp() - now()) * 1000)
RETURNING number, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), duration_ms
)sql"};
constexpr Query kRecordEdition{"migrate_edition", "UPDATE store_identity SET edition = $1 WHERE edition <> $1"};

// In the first migration's transaction, so that a refusal or a failure leaves nothing behind. What the engine needs
// first (Engine::prepare_database) as well.
constexpr char kCreateTable[] = R"sql(
CREATE TABLE schema_migrations (
    number      integer     PRIMARY KEY,
    name        text        NOT NULL,
    checksum    text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms bigint      NOT NULL
))sql";

// "" for an engine that has none.
std::string EditionFor(const std::string& engine, const ServerFacts& facts) {
  const Engine* known = FindEngine(engine);
  return known == nullptr || known->has_editions ? facts.edition : "";
}

MigrationState StateFrom(const pqxx::row& row) {
  return {row[0].as<int>(), row[1].c_str(), row[2].c_str(), true, row[3].c_str(), row[4].as<std::int64_t>()};
}

std::string Label(int number, const std::string& name) { return fmt::format("{:04}_{}", number, name); }

// The same error with the migration's name in front of its message.
absl::Status Failed(const Migration& migration, const absl::Status& cause) {
  domain::Error error = domain::FromStatus(cause);
  error.message = fmt::format(
      "migration {} failed and was rolled back, the database is as it was before it: {}. Correct the cause and migrate "
      "again",
      Label(migration.number, migration.name), error.message);
  return domain::ToStatus(error);
}

}  // namespace

Migrator::Migrator(std::string conninfo, MigrationSet set)
    : set_(std::move(set)), session_(std::move(conninfo), "migrator") {}

absl::StatusOr<MigrationStatus> Migrator::Status() {
  auto inspection = Inspect();
  if (!inspection.ok()) return inspection.status();
  return std::move(inspection->status);
}

absl::StatusOr<MigrationStatus> Migrator::Up(const MigrationOptions& options, const Progress& progress) {
  auto before = Inspect();
  if (!before.ok()) return before.status();
  // The usual start of a server: nothing to do and so nothing to wait for.
  if (before->status.pending == 0 && !before->EditionChanged()) return std::move(before->status);
  absl::Status done = Lock(options);
  if (done.ok()) {
    // Another instance may have migrated while we waited.
    before = Inspect();
    done = before.ok() ? ApplyPending(*before, options, progress) : before.status();
  }
  auto after = done.ok() ? Inspect() : absl::StatusOr<Inspection>(done);
  if (after.ok()) done = RecordEdition(*after);
  // The session owns the lock; without it the lock is gone, whatever state the session was in.
  session_.Disconnect();
  if (!done.ok()) return done;
  return std::move(after->status);
}

absl::StatusOr<Migrator::Inspection> Migrator::Inspect() {
  auto facts = ReadServerFacts(session_);
  if (!facts.ok()) return facts.status();
  auto tables = session_.Run(kTables, {});
  if (!tables.ok()) return tables.status();

  Inspection inspection;
  // Before the migrations: those of another engine differ, and that is not tampering.
  if ((*tables)[0][1].as<bool>()) {
    auto identity = session_.Run(kIdentity, {});
    if (!identity.ok()) return identity.status();
    if (!identity->empty()) {
      const std::string engine = (*identity)[0][0].c_str();
      if (engine != set_.engine()) {
        return ErrorOf(Reason::kStoreIncompatible, OtherEngine(engine, set_.engine()));
      }
      inspection.recorded_edition = (*identity)[0][1].c_str();
    }
  }
  if (absl::Status able = CheckServer(*facts, set_.engine()); !able.ok()) return able;
  MigrationStatus& status = inspection.status;
  status.engine = set_.engine();
  status.edition = EditionFor(set_.engine(), *facts);
  status.server_version = facts->version;
  status.extension_version =
      facts->timescale_installed.empty() ? facts->timescale_available : facts->timescale_installed;
  if ((*tables)[0][0].as<bool>()) {
    auto applied = ReadApplied();
    if (!applied.ok()) return applied.status();
    if (absl::Status same = CheckApplied(*applied); !same.ok()) return same;
    status.migrations = std::move(*applied);
  }
  for (std::size_t i = status.migrations.size(); i < set_.migrations().size(); ++i) {
    const Migration& migration = set_.migrations()[i];
    status.migrations.push_back({migration.number, migration.name, migration.checksum, false, "", 0});
    ++status.pending;
  }
  return inspection;
}

absl::StatusOr<std::vector<MigrationState>> Migrator::ReadApplied() {
  auto rows = session_.Run(kApplied, {});
  if (!rows.ok()) return rows.status();
  std::vector<MigrationState> applied;
  for (const auto& row : *rows) applied.push_back(StateFrom(row));
  return applied;
}

absl::Status Migrator::CheckApplied(const std::vector<MigrationState>& applied) const {
  const auto& known = set_.migrations();
  if (!applied.empty() && applied.back().number > static_cast<int>(known.size())) {
    return ErrorOf(Reason::kStoreIncompatible,
                   fmt::format("the database is newer than this program: it has migration {}, this program knows up to "
                               "{:04}. Use the version that migrated it, or a later one. Nothing was changed",
                               Label(applied.back().number, applied.back().name), known.size()));
  }
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    if (applied[i].number != number) {
      return ErrorOf(Reason::kStoreIncompatible,
                     fmt::format("schema_migrations lists migration {:04} but not {:04}, so the state of this database "
                                 "is unknown: restore it from a backup. Nothing was changed",
                                 applied[i].number, number));
    }
    if (applied[i].checksum != known[i].checksum) {
      domain::Error error;
      error.reason = Reason::kStoreIncompatible;
      error.message = fmt::format(
          "migration {} was applied with checksum {}, but in this program it has {}: one of them was tampered with or "
          "comes from another build. Use the build that migrated the database, or restore it from a backup. Nothing "
          "was "
          "changed",
          Label(number, known[i].name), applied[i].checksum, known[i].checksum);
      error.metadata = {{"migration", fmt::format("{}", number)},
                        {"applied_checksum", applied[i].checksum},
                        {"expected_checksum", known[i].checksum}};
      return domain::ToStatus(error);
    }
  }
  return absl::OkStatus();
}

absl::Status Migrator::Lock(const MigrationOptions& options) {
  auto free = session_.Run(kTryLock, {});
  if (!free.ok()) return free.status();
  if ((*free)[0][0].as<bool>()) return absl::OkStatus();

  auto holder = LockHolder();
  if (!holder.ok()) return holder.status();
  const auto wait = fmt::format("{}ms", options.lock_wait.count());
  if (options.notice) options.notice(fmt::format("{} is migrating this database; waiting up to {}", *holder, wait));
  if (auto set = session_.Run(kLockTimeout, {wait}); !set.ok()) return set.status();
  auto locked = session_.Run(kLock, {});
  if (!locked.ok() && SqlStateOf(locked.status()) == "55P03") {
    return ErrorOf(Reason::kDatabaseUnavailable,
                   fmt::format("{} has been migrating this database for more than {}: wait for it to end, or end it, "
                               "and try again. Nothing was changed",
                               *holder, wait));
  }
  if (!locked.ok()) return locked.status();
  return session_.Run(kLockTimeout, {"0"}).status();
}

absl::StatusOr<std::string> Migrator::LockHolder() {
  auto rows = session_.Run(kHolder, {});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return "another instance";  // it has just let go
  const auto row = (*rows)[0];
  return fmt::format("another instance (backend {}, {}, {})", row[0].c_str(), row[1].c_str(), row[2].c_str());
}

absl::Status Migrator::ApplyPending(const Inspection& before, const MigrationOptions& options,
                                    const Progress& progress) {
  const MigrationStatus& status = before.status;
  int done = 0;
  for (const MigrationState& state : status.migrations) {
    if (state.applied) continue;
    if (progress) progress(state, done, status.pending);
    auto applied = Apply(set_.migrations()[static_cast<std::size_t>(state.number) - 1], options);
    if (!applied.ok()) return applied.status();
    ++done;
    if (progress) progress(*applied, done, status.pending);
  }
  return absl::OkStatus();
}

absl::StatusOr<MigrationState> Migrator::Apply(const Migration& migration, const MigrationOptions& options) {
  auto state = RunInTransaction(migration, options);
  if (state.ok()) {
    auto committed = session_.RunScript("COMMIT");
    if (committed.ok()) return state;
    return ErrorOf(
        Reason::kCommitUnknown,
        fmt::format("the connection was lost while migration {} was being committed, so it is there as a "
                    "whole or not at all: migrate again, which finds out ({})",
                    Label(migration.number, migration.name), domain::FromStatus(committed.status()).message));
  }
  // A session that was lost has rolled back by itself, and asking it would connect anew.
  if (session_.connected()) session_.RunScript("ROLLBACK").IgnoreError();
  return Failed(migration, state.status());
}

absl::StatusOr<MigrationState> Migrator::RunInTransaction(const Migration& migration, const MigrationOptions& options) {
  if (auto begun = session_.RunScript("BEGIN ISOLATION LEVEL READ COMMITTED"); !begun.ok()) return begun.status();
  if (migration.number == 1) {
    if (auto created = session_.RunScript(kCreateTable); !created.ok()) return created.status();
    const Engine* engine = FindEngine(set_.engine());
    if (engine != nullptr && *engine->prepare_database != '\0') {
      if (auto prepared = session_.RunScript(engine->prepare_database); !prepared.ok()) return prepared.status();
    }
  }
  if (absl::Status given = GiveSettings(options); !given.ok()) return given;
  if (auto ran = session_.RunScript(migration.sql); !ran.ok()) return ran.status();
  auto recorded = session_.Run(kRecord, {fmt::format("{}", migration.number), migration.name, migration.checksum});
  if (!recorded.ok()) return recorded.status();
  return StateFrom((*recorded)[0]);
}

// Migrations read these with current_setting('eventstore.…').
absl::Status Migrator::GiveSettings(const MigrationOptions& options) {
  auto facts = ReadServerFacts(session_);
  if (!facts.ok()) return facts.status();
  return session_
      .Run(kSettings,
           {set_.engine(), EditionFor(set_.engine(), *facts), fmt::format("{}", options.lanes), options.chunk_interval})
      .status();
}

absl::Status Migrator::RecordEdition(const Inspection& inspection) {
  if (!inspection.EditionChanged()) return absl::OkStatus();
  return session_.Run(kRecordEdition, {inspection.status.edition}).status();
}

}  // namespace eventstore::storage
