#include "tools/eventctl/backup/private_copy.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>
#include <vector>

#include "server/embedded/account.h"
#include "server/embedded/binaries.h"
#include "server/embedded/files.h"
#include "server/embedded/process.h"
#include "server/storage/session.h"

namespace eventstore::eventctl {
namespace {

namespace fs = std::filesystem;

// Of pg_restore: how large the database has become.
constexpr std::chrono::milliseconds kLook{500};
constexpr storage::Query kSize{"backup_size", "SELECT pg_database_size(current_database())"};

absl::Status Damaged(const std::string& text) { return absl::DataLossError(text); }

absl::StatusOr<embedded::ChildResult> RunProgram(std::vector<std::string> argv, const std::string& bin_dir) {
  argv.front() = bin_dir + "/" + argv.front();
  embedded::ChildSpec child;
  child.argv = std::move(argv);
  child.directory = "/";
  return embedded::RunToEnd(child);
}

// Against the manifest that pg_basebackup wrote: every file, its size and checksum, and that the WAL it needs is there.
absl::Status CheckManifest(const std::string& dir, const std::string& bin_dir) {
  if (!fs::exists(dir + "/backup_manifest")) {
    return Damaged(fmt::format("{} has no backup_manifest: it is not what pg_basebackup wrote, or not all of it", dir));
  }
  auto done = RunProgram({"pg_verifybackup", dir}, bin_dir);
  if (!done.ok()) return done.status();
  if (done->exit_code == 0) return absl::OkStatus();
  return Damaged(fmt::format("pg_verifybackup: {}", done->output));
}

absl::Status CopyTree(const std::string& from, const std::string& to, const embedded::Account& account,
                      const CopyProgress& progress) {
  std::int64_t total = 0;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (entry.is_symlink()) {
      return absl::UnimplementedError(
          fmt::format("{} is a link: a backup with tablespaces cannot be tried here", entry.path().string()));
    }
    if (entry.is_regular_file()) total += static_cast<std::int64_t>(entry.file_size());
  }
  const auto own = [&](const fs::path& path) {
    return !account.drop || lchown(path.c_str(), account.uid, account.gid) == 0;
  };
  fs::create_directory(to);
  if (chmod(to.c_str(), 0700) != 0 || !own(to)) return absl::InternalError("could not prepare " + to);
  std::int64_t done = 0;
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    const fs::path target = fs::path(to) / fs::relative(entry.path(), from);
    if (entry.is_directory()) {
      fs::create_directory(target);
    } else {
      fs::copy_file(entry.path(), target);
    }
    fs::permissions(target,
                    entry.is_directory() ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write);
    if (!own(target)) return absl::InternalError("could not give away " + target.string());
    if (entry.is_regular_file()) done += static_cast<std::int64_t>(entry.file_size());
    progress("copying", done, total);
  }
  return absl::OkStatus();
}

absl::Status Write(const std::string& path, const std::string& text, const embedded::Account& account) {
  return embedded::ReplaceFile(path, text, 0600, account.uid, account.gid);
}

// "000000010000000000000003" -> "0000000000000003"; "" for what is no segment of WAL.
std::string SegmentOf(const std::string& name) {
  const bool segment = name.size() == 24 && name.find_first_not_of("0123456789ABCDEF") == std::string::npos;
  return segment ? name.substr(8) : "";
}

// Recovery ends without an error where a segment is missing or damaged. So: does the archive hold later ones?
absl::Status CheckRecoveredAll(const std::string& wal, const std::string& account, const std::string& conninfo) {
  std::string newest;
  for (const auto& entry : fs::directory_iterator(wal)) newest = std::max(newest, SegmentOf(entry.path().filename()));
  storage::Session session(conninfo, "backup");
  static constexpr storage::Query kReached{"backup_reached", R"sql(
SELECT right(pg_walfile_name(pg_current_wal_lsn()), 16)
)sql"};
  auto rows = session.Run(kReached, {});
  if (!rows.ok()) return rows.status();
  const std::string reached = (*rows)[0][0].c_str();
  if (newest <= reached) return absl::OkStatus();
  return Damaged(
      fmt::format("recovery ended in WAL segment {}, but {} holds later ones, up to {}: one between them is missing or "
                  "damaged, or the "
                  "account {} may not read it, and what came after it cannot be restored",
                  reached, wal, newest, account));
}

}  // namespace

PrivateCopy::~PrivateCopy() {
  postgres_.reset();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

absl::StatusOr<std::unique_ptr<PrivateCopy>> PrivateCopy::InNewFolder(const std::string& work) {
  std::string folder = (work.empty() ? fs::temp_directory_path().string() : work) + "/eventctl-backup-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return absl::FailedPreconditionError("could not make a folder in " + work);
  std::unique_ptr<PrivateCopy> copy(new PrivateCopy(folder));
  // PostgreSQL's account has to enter; what is in it is closed.
  if (chmod(folder.c_str(), 0755) != 0) return absl::InternalError("could not open " + folder);
  return copy;
}

absl::Status PrivateCopy::Start(const std::string& restore_command, const std::string& what) {
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder_;
  options.durable = false;  // it is thrown away
  options.max_connections = 16;
  options.max_locks_per_transaction = 8'192;
  options.shared_buffers_mb = 128;
  options.extra_settings = {{"archive_mode", "off"}, {"autovacuum", "off"}};
  if (!restore_command.empty()) options.extra_settings["restore_command"] = restore_command;
  auto started = embedded::PrivatePostgres::Start(options);
  if (!started.ok()) return Damaged(fmt::format("{}: {}", what, std::string(started.status().message())));
  postgres_ = *std::move(started);
  conninfo_ = postgres_->conninfo();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PrivateCopy>> PrivateCopy::OfBaseBackup(const std::string& dir, const std::string& wal,
                                                                       const std::string& work,
                                                                       const CopyProgress& progress) {
  const auto version = embedded::ReadFile(dir + "/PG_VERSION");
  if (!version) return Damaged(dir + " has no PG_VERSION: it is no base backup");
  auto programs = embedded::FindPostgresBinaries(std::atoi(version->c_str()));
  if (!programs.ok()) return programs.status();
  progress("checking against the manifest", 0, 0);
  if (absl::Status whole = CheckManifest(dir, *programs); !whole.ok()) return whole;
  auto copy = InNewFolder(work);
  if (!copy.ok()) return copy;
  const std::string& folder = (*copy)->folder_;
  const std::string pgdata = folder + "/pgdata";
  auto account = embedded::ChooseAccount(pgdata);
  if (!account.ok()) return account.status();
  try {
    if (absl::Status copied = CopyTree(dir, pgdata, *account, progress); !copied.ok()) return copied;
  } catch (const fs::filesystem_error& error) {
    return absl::InternalError(fmt::format("could not copy the backup: {}", error.what()));
  }
  // Of the settings it was made with, none is right here: archiving, addresses, who may enter.
  std::error_code ignored;
  fs::remove(pgdata + "/postgresql.auto.conf", ignored);
  for (const auto& [name, text] : {std::pair{"/postgresql.conf", "include = '../eventstore.conf'\n"},
                                   {"/pg_hba.conf", "local all all trust\n"},
                                   {"/pg_ident.conf", ""}}) {
    if (absl::Status written = Write(pgdata + name, text, *account); !written.ok()) return written;
  }
  if (absl::Status written = Write(folder + "/passfile", "", *account); !written.ok()) return written;
  std::string command;
  std::string reachable = wal;
  if (!wal.empty()) {
    reachable = fs::absolute(wal).string();
    if (!fs::is_directory(reachable)) return Damaged(reachable + " is no folder: there is no WAL");
    if (reachable.find_first_of("'%\\") != std::string::npos) {
      return absl::InvalidArgumentError("a folder of WAL with a quote, a backslash or a % in its name cannot be used");
    }
    command = fmt::format("cp \"{}/%f\" \"%p\"", reachable);
  }
  progress("recovering", 0, 0);
  if (absl::Status started = (*copy)->Start(command, "PostgreSQL cannot recover it"); !started.ok()) return started;
  if (!wal.empty()) {
    if (absl::Status all = CheckRecoveredAll(reachable, account->name, (*copy)->conninfo_); !all.ok()) return all;
  }
  return copy;
}

absl::StatusOr<std::unique_ptr<PrivateCopy>> PrivateCopy::OfDump(const std::string& file, const std::string& work,
                                                                 const CopyProgress& progress) {
  auto programs = embedded::FindPostgresBinaries(0);
  if (!programs.ok()) return programs.status();
  auto list = RunProgram({"pg_restore", "--list", file}, *programs);
  if (!list.ok()) return list.status();
  if (list->exit_code != 0) return Damaged(list->output);
  const bool timescaledb = list->output.find(" EXTENSION - timescaledb") != std::string::npos;
  auto copy = InNewFolder(work);
  if (!copy.ok()) return copy;
  if (absl::Status started = (*copy)->Start("", "no PostgreSQL to restore it into"); !started.ok()) {
    return absl::FailedPreconditionError(started.message());
  }
  const std::string& conninfo = (*copy)->conninfo_;
  storage::Session session(conninfo, "backup");
  if (timescaledb) {
    auto ready = session.RunScript("CREATE EXTENSION timescaledb; SELECT timescaledb_pre_restore()");
    if (!ready.ok()) return ready.status();
    session.Disconnect();
  }
  std::atomic<bool> ended = false;
  std::thread restoring;
  absl::StatusOr<embedded::ChildResult> done = absl::UnknownError("");
  restoring = std::thread([&] {
    done =
        RunProgram({"pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "-d", conninfo, file}, *programs);
    ended = true;
  });
  while (!ended) {
    auto size = session.Run(kSize, {});
    if (size.ok()) progress("restoring", (*size)[0][0].as<std::int64_t>(), 0);
    std::this_thread::sleep_for(kLook);
  }
  restoring.join();
  if (!done.ok()) return done.status();
  if (done->exit_code != 0) return Damaged(done->output);
  session.Disconnect();
  auto finished = session.RunScript(timescaledb ? "SELECT timescaledb_post_restore(); ANALYZE" : "ANALYZE");
  if (!finished.ok()) return finished.status();
  return copy;
}

}  // namespace eventstore::eventctl
