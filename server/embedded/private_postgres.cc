#include "server/embedded/private_postgres.h"

#include <libpq-fe.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/embedded/account.h"
#include "server/embedded/binaries.h"
#include "server/embedded/configuration.h"
#include "server/embedded/data_folder.h"
#include "server/embedded/files.h"
#include "server/embedded/orphans.h"
#include "server/embedded/process.h"
#include "server/embedded/supervisor.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;

constexpr char kRole[] = "eventstore";
constexpr char kLocalSettings[] =
    "# PostgreSQL settings of your own. They win over those in eventstore.conf and are never overwritten.\n";
constexpr int kOldestMajor = 15;

absl::Status RequireEntry(const Account& account, const std::string& folder, const std::string& what,
                          const std::string& remedy) {
  const auto closed = FirstClosedFolder(account, folder);
  if (!closed.ok()) return closed.status();
  const std::optional<std::string>& first = *closed;
  if (!first) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "PostgreSQL runs as the account {}, which cannot enter {}, and {} ({}) is below that: {}, or let the account in "
      "(chmod o+x '{}')",
      account.name, *first, what, folder, remedy, *first));
}

absl::StatusOr<std::string> MakePassword() {
  unsigned char bytes[32];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) {
    return absl::InternalError("the system gave no random bytes for a password");
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string ConninfoValue(const std::string& value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::string Conninfo(const DataFolder& folder, const std::string& database) {
  return fmt::format("host={} port=5432 user={} dbname={} passfile={}", ConninfoValue(folder.socket_dir()), kRole,
                     ConninfoValue(database), ConninfoValue(folder.passfile()));
}

absl::Status WritePassfile(const DataFolder& folder, const std::string& password) {
  return folder.Write("passfile", fmt::format("*:*:*:{}:{}\n", kRole, password), 0600);
}

// Built in pgdata.new and renamed when complete, so that an initdb cut short leaves nothing that looks like a cluster.
absl::Status Initialise(const DataFolder& folder, const Account& account, const PrivatePostgresOptions& options,
                        int major) {
  const std::string fresh = folder.pgdata() + ".new";
  const std::string password_file = folder.path() + "/initdb-password";
  std::error_code error;
  fs::remove_all(fresh, error);
  if (auto status = EnsureFolder(fresh, 0700, account); !status.ok()) return status;
  const auto password = MakePassword();
  if (!password.ok()) return password.status();
  if (auto status = WritePassfile(folder, *password); !status.ok()) return status;
  if (auto status = ReplaceFile(password_file, *password + "\n", 0600, account.uid, account.gid); !status.ok())
    return status;

  std::vector<std::string> argv = {
      options.bin_dir + "/initdb", "--pgdata=" + fresh,    std::string("--username=") + kRole,
      "--pwfile=" + password_file, "--auth=scram-sha-256", "--encoding=UTF8",
      "--locale=C.UTF-8",          "--data-checksums",     "--no-instructions"};
  // PostgreSQL's own C.UTF-8: text order, and with it every index, stays the same whichever C library it runs with.
  if (major >= 17) argv.insert(argv.end(), {"--locale-provider=builtin", "--builtin-locale=C.UTF-8"});
  if (!options.durable) argv.emplace_back("--no-sync");
  spdlog::info("embedded: initialising a PostgreSQL {} cluster in {} for the account {}", major, folder.pgdata(),
               account.name);
  const auto made = RunToEnd({.argv = argv, .directory = fresh, .account = account});
  fs::remove(password_file, error);
  if (!made.ok()) return made.status();
  if (made->exit_code != 0) {
    return absl::InternalError(
        fmt::format("initdb could not make the cluster {} (exit code {}): {}", fresh, made->exit_code, made->output));
  }
  const auto defaults = ReadFile(fresh + "/postgresql.conf");
  if (!defaults) return absl::InternalError(fmt::format("initdb left no {}/postgresql.conf", fresh));
  const std::string included = *defaults + "\ninclude = '../eventstore.conf'\ninclude_if_exists = '../local.conf'\n";
  if (auto status = ReplaceFile(fresh + "/postgresql.conf", included, 0600, account.uid, account.gid); !status.ok())
    return status;
  fs::remove(folder.pgdata(), error);  // an empty folder at most
  fs::rename(fresh, folder.pgdata(), error);
  if (error)
    return absl::InternalError(fmt::format("could not rename {} to {}: {}", fresh, folder.pgdata(), error.message()));
  return absl::OkStatus();
}

// For a cluster whose passfile was lost, as when only pgdata/ was copied: PostgreSQL alone, without connections, takes
// the new password on its standard input. A backup is recovered by it first, which alone it can do as no standby.
absl::Status ResetPassword(const DataFolder& folder, const Account& account, const std::string& bin_dir) {
  const auto password = MakePassword();
  if (!password.ok()) return password.status();
  const auto done = RunToEnd(
      {.argv = {bin_dir + "/postgres", "--single", "-D", folder.pgdata(), "-c", "shared_preload_libraries=", "-c",
                "hot_standby=off", "-c", "log_min_error_statement=panic", "-c", "log_statement=none", "postgres"},
       .directory = folder.pgdata(),
       .account = account,
       .input = fmt::format("ALTER ROLE {} PASSWORD '{}'\n", kRole, *password)});
  if (!done.ok()) return done.status();
  if (done->exit_code != 0 || done->output.find("ERROR:") != std::string::npos) {
    return absl::FailedPreconditionError(
        fmt::format("{} is missing and the password of the role {} could not be set anew: {}", folder.passfile(), kRole,
                    done->output));
  }
  spdlog::warn("embedded: {} was missing; made a new password for the role {}", folder.passfile(), kRole);
  return WritePassfile(folder, *password);
}

// A base backup that was put in place. Recovered as from an archive, it goes on under a new timeline, by which the store
// notices that it is in an earlier state (storage/store_identity.h); as after a crash, it would not. What it needs is in its
// own pg_wal/, unless local.conf names an archive. PostgreSQL removes both files when it is done.
absl::Status RecoverAsFromArchive(const DataFolder& folder, const Account& account, PrivatePostgresOptions& options) {
  const auto there = [&](const char* name) { return access((folder.pgdata() + name).c_str(), F_OK) == 0; };
  if (there("/standby.signal")) return absl::OkStatus();
  if (!there("/recovery.signal")) {
    if (!there("/backup_label")) return absl::OkStatus();
    const std::string signal = folder.pgdata() + "/recovery.signal";
    if (auto status = ReplaceFile(signal, "", 0600, account.uid, account.gid); !status.ok()) return status;
  }
  spdlog::info("embedded: {} is a backup; PostgreSQL recovers it and goes on under a new timeline", folder.pgdata());
  options.extra_settings.try_emplace("restore_command", "false");
  // A standby would refuse settings below those of the server that the backup is of.
  options.extra_settings.try_emplace("hot_standby", "off");
  options.extra_settings.try_emplace("recovery_target_action", "promote");
  return absl::OkStatus();
}

struct Closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Closer>;
using Result = std::unique_ptr<PGresult, Closer>;

std::string Trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

absl::Status EnsureDatabase(const std::string& maintenance_conninfo, const std::string& database) {
  const Connection connection(PQconnectdb(maintenance_conninfo.c_str()));
  const auto failed = [&](const std::string& what) {
    return absl::UnavailableError(fmt::format("{}: {}", what, Trimmed(PQerrorMessage(connection.get()))));
  };
  if (PQstatus(connection.get()) != CONNECTION_OK) return failed("could not connect to the private PostgreSQL");
  const char* name = database.c_str();
  const Result known(PQexecParams(connection.get(), "SELECT 1 FROM pg_database WHERE datname = $1", 1, nullptr, &name,
                                  nullptr, nullptr, 0));
  if (PQresultStatus(known.get()) != PGRES_TUPLES_OK) return failed("could not list the databases");
  if (PQntuples(known.get()) > 0) return absl::OkStatus();
  char* quoted = PQescapeIdentifier(connection.get(), database.data(), database.size());
  if (quoted == nullptr) return failed(fmt::format("'{}' is no name for a database", database));
  const Result created(PQexec(connection.get(), fmt::format("CREATE DATABASE {}", quoted).c_str()));
  PQfreemem(quoted);
  if (PQresultStatus(created.get()) != PGRES_COMMAND_OK)
    return failed(fmt::format("could not create the database {}", database));
  spdlog::info("embedded: created the database {}", database);
  return absl::OkStatus();
}

// The binaries of the cluster's own version when there are any, so that a newer PostgreSQL beside it does no harm.
absl::StatusOr<int> ChooseBinaries(PrivatePostgresOptions& options, const DataFolder& folder) {
  const auto cluster = folder.ClusterVersion();
  if (!cluster.ok()) return cluster.status();
  if (options.bin_dir.empty()) {
    auto found = FindPostgresBinaries(cluster->empty() ? 0 : std::atoi(cluster->c_str()));
    if (!found.ok()) return found.status();
    options.bin_dir = *found;
  }
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(fs::absolute(options.bin_dir), error);
  if (!error) options.bin_dir = resolved.string();
  const auto major = MajorVersionOf(options.bin_dir);
  if (!major.ok()) return major.status();
  if (*major < kOldestMajor) {
    return absl::FailedPreconditionError(
        fmt::format("{} holds PostgreSQL {}; {} is the oldest this server works with: set "
                    "EVENTSTORE_PG_BIN to a newer one",
                    options.bin_dir, *major, kOldestMajor));
  }
  if (!cluster->empty() && *cluster != std::to_string(*major)) {
    return absl::FailedPreconditionError(
        fmt::format("{} was made by PostgreSQL {}, but the programs in {} are PostgreSQL {}; nothing was changed. Set "
                    "EVENTSTORE_PG_BIN "
                    "to the programs of PostgreSQL {}, or bring the data over: pg_dump with PostgreSQL {}, then "
                    "restore into a new --data-dir",
                    folder.pgdata(), *cluster, options.bin_dir, *major, *cluster, *cluster));
  }
  return *major;
}

}  // namespace

struct PrivatePostgres::Parts {
  explicit Parts(DataFolder opened) : folder(std::move(opened)) {}
  DataFolder folder;
  std::string conninfo;
  std::unique_ptr<Supervisor> supervisor;  // destroyed first: the folder's lock outlives PostgreSQL
};

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::Start(PrivatePostgresOptions options) {
  auto opened = DataFolder::Open(options.data_dir);
  if (!opened.ok()) return opened.status();
  auto parts = std::make_unique<Parts>(std::move(*opened));
  DataFolder& folder = parts->folder;

  const auto account = ChooseAccount(folder.pgdata());
  if (!account.ok()) return account.status();
  const auto major = ChooseBinaries(options, folder);
  if (!major.ok()) return major.status();
  if (auto status = RequireEntry(*account, folder.path(), "the data directory",
                                 "choose another --data-dir, for example /var/lib/eventstore");
      !status.ok()) {
    return status;
  }
  if (auto status =
          RequireEntry(*account, options.bin_dir, "the folder of PostgreSQL's programs",
                       "put them elsewhere, for example below /var/cache/eventstore, and set EVENTSTORE_PG_BIN");
      !status.ok()) {
    return status;
  }
  if (auto status = folder.Prepare(*account); !status.ok()) return status;

  if (!options.durable) {
    spdlog::warn("embedded: fsync is off on {}: a crash of the machine destroys the data. For tests only",
                 folder.path());
  }
  if (auto status = RecoverAsFromArchive(folder, *account, options); !status.ok()) return status;
  const auto text = ConfigurationText(options, folder.socket_dir(), folder.log_dir(), UsableMemory());
  if (auto status = folder.Write("eventstore.conf", text, 0644); !status.ok()) return status;
  if (access((folder.path() + "/local.conf").c_str(), F_OK) != 0) {
    if (auto status = folder.Write("local.conf", kLocalSettings, 0644); !status.ok()) return status;
  }
  parts->supervisor = std::make_unique<Supervisor>(PostmasterSpec{.bin_dir = options.bin_dir,
                                                                  .pgdata = folder.pgdata(),
                                                                  .socket_dir = folder.socket_dir(),
                                                                  .log_dir = folder.log_dir(),
                                                                  .startup_log = folder.path() + "/startup.log",
                                                                  .account = *account});
  const auto version = folder.ClusterVersion();
  if (version.ok() && version->empty()) {
    if (auto status = Initialise(folder, *account, options, *major); !status.ok()) return status;
  } else if (access(folder.passfile().c_str(), R_OK) != 0) {
    if (auto status = StopOrphans(folder.pgdata(), folder.socket_dir(), *account, kOrphanPatience); !status.ok())
      return status;
    if (auto status = ResetPassword(folder, *account, options.bin_dir); !status.ok()) return status;
  }
  if (auto status = parts->supervisor->Start(options.stop_requested); !status.ok()) return status;
  if (auto status = EnsureDatabase(Conninfo(folder, "postgres"), options.database); !status.ok()) return status;
  parts->conninfo = Conninfo(folder, options.database);
  if (auto status = folder.Write("conninfo", parts->conninfo + "\n", 0644); !status.ok()) return status;
  return std::unique_ptr<PrivatePostgres>(new PrivatePostgres(std::move(parts)));
}

PrivatePostgres::PrivatePostgres(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

PrivatePostgres::~PrivatePostgres() { Stop(); }

const std::string& PrivatePostgres::conninfo() const { return parts_->conninfo; }

pid_t PrivatePostgres::postmaster_pid() const { return parts_->supervisor->pid(); }

void PrivatePostgres::Stop() {
  std::error_code ignored;
  fs::remove(parts_->folder.path() + "/conninfo", ignored);
  parts_->supervisor->Stop();
}

absl::StatusOr<std::string> ConninfoOf(const std::string& data_dir) {
  auto text = ReadFile(data_dir + "/conninfo");
  if (!text) {
    return absl::NotFoundError(fmt::format(
        "{}/conninfo is not there or cannot be read: no server runs on that data directory, or it belongs to another "
        "account. Start one with: eventstored --data-dir {}",
        data_dir, data_dir));
  }
  return Trimmed(*text);
}

}  // namespace eventstore::embedded
