#include "server/embedded/orphans.h"

#include <signal.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/embedded/files.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Looks at files with the account's rights, in this thread alone. In a container root may not see the working folder
// of another account's process (that takes CAP_SYS_PTRACE); the account itself may.
class FileRights {
 public:
  explicit FileRights(const Account& account) : changed_(account.drop) {
    if (!changed_) return;
    gid_ = static_cast<gid_t>(setfsgid(account.gid));
    uid_ = static_cast<uid_t>(setfsuid(account.uid));
  }
  ~FileRights() {
    if (!changed_) return;
    setfsuid(uid_);
    setfsgid(gid_);
  }
  FileRights(const FileRights&) = delete;
  FileRights& operator=(const FileRights&) = delete;

 private:
  const bool changed_;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
};

// True when none of the cluster's processes is left.
bool AwaitEnd(const std::string& pgdata, const Account& account, std::chrono::seconds patience) {
  const auto deadline = Clock::now() + patience;
  while (!ProcessesOf(pgdata, account).empty()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

void SignalAll(const std::string& pgdata, const Account& account, int number) {
  for (const pid_t pid : ProcessesOf(pgdata, account)) kill(pid, number);
}

// PostgreSQL takes a pid file for a running server's when any process has that id. Nothing of this cluster runs when
// this is called, so such a process is a stranger that got the number later. With no such process the file is left to
// PostgreSQL, which then checks the shared memory as well.
void RemoveStalePidFile(const std::string& path) {
  const pid_t pid = PidIn(path);
  if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH)) return;
  spdlog::warn("embedded: removing the stale {}: process {} is not this PostgreSQL", path, pid);
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

std::vector<pid_t> ProcessesOf(const std::string& pgdata, const Account& account) {
  const FileRights rights(account);
  std::vector<pid_t> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const pid_t pid = std::atoi(entry->path().filename().c_str());
    if (pid <= 0) continue;
    std::error_code gone;
    const fs::path folder = fs::read_symlink(entry->path() / "cwd", gone);
    if (gone || folder != pgdata) continue;
    const fs::path program = fs::read_symlink(entry->path() / "exe", gone);
    // "postgres (deleted)" after an upgrade of the package.
    if (!gone && program.filename().string().starts_with("postgres")) found.push_back(pid);
  }
  return found;
}

pid_t PidIn(const std::string& pid_file) {
  const auto text = ReadFile(pid_file);
  return text ? static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10)) : 0;
}

bool IsReady(const std::string& pgdata, pid_t pid) {
  const auto text = ReadFile(pgdata + "/postmaster.pid");
  if (!text || std::strtol(text->c_str(), nullptr, 10) != pid) return false;
  std::istringstream lines(*text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (number == 8) return line.starts_with("ready");
  }
  return false;
}

absl::Status StopOrphans(const std::string& pgdata, const std::string& socket_dir, const Account& account,
                         std::chrono::seconds patience) {
  const auto left = ProcessesOf(pgdata, account);
  if (!left.empty()) {
    const pid_t postmaster = PidIn(pgdata + "/postmaster.pid");
    const bool alive = std::ranges::find(left, postmaster) != left.end();
    if (alive) {
      spdlog::warn("embedded: a PostgreSQL left by an earlier server runs on {} (process {}): stopping it", pgdata,
                   postmaster);
      kill(postmaster, SIGINT);
    } else {
      spdlog::warn("embedded: waiting for {} processes of a PostgreSQL that died on {}", left.size(), pgdata);
    }
    // Children without a postmaster notice within moments, unless they are busy in one long statement.
    if (!AwaitEnd(pgdata, account, alive ? patience : std::chrono::seconds(2))) {
      spdlog::warn("embedded: forcing {} PostgreSQL processes on {} to end; the next start recovers",
                   ProcessesOf(pgdata, account).size(), pgdata);
      SignalAll(pgdata, account, SIGQUIT);
      if (!AwaitEnd(pgdata, account, std::chrono::seconds(3))) SignalAll(pgdata, account, SIGKILL);
      if (!AwaitEnd(pgdata, account, std::chrono::seconds(10))) {
        return absl::FailedPreconditionError(fmt::format(
            "a PostgreSQL process on {} does not end, not even when killed (process {}): its disk may be hanging",
            pgdata, ProcessesOf(pgdata, account).front()));
      }
    }
  }
  RemoveStalePidFile(pgdata + "/postmaster.pid");
  RemoveStalePidFile(socket_dir + "/.s.PGSQL.5432.lock");
  return absl::OkStatus();
}

}  // namespace eventstore::embedded
