#include "server/embedded/supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "server/embedded/orphans.h"
#include "server/embedded/process.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The first restart is at once for all practical purposes; one that keeps failing is tried every ten seconds, for ever:
// a full disk may be emptied.
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{10'000};
// A postmaster that was up this long starts the pauses afresh when it dies.
constexpr seconds kHealthy{60};
constexpr seconds kStopPatience{60};
constexpr seconds kQuitPatience{5};

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

std::deque<std::string> LastLines(const fs::path& path, std::size_t count) {
  std::deque<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.find("logging collector") != std::string::npos ||
        line.find("Future log output") != std::string::npos) {
      continue;
    }
    lines.push_back(std::move(line));
    if (lines.size() > count) lines.pop_front();
  }
  return lines;
}

}  // namespace

absl::Status Supervisor::Start(const std::function<bool()>& stop_requested) {
  thread_ = std::thread([this] { Run(); });
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, milliseconds(100), [this] { return first_known_; })) {
    if (!stop_requested || !stop_requested()) continue;
    lock.unlock();
    Stop();
    return absl::CancelledError("told to stop before PostgreSQL was ready");
  }
  return first_;
}

pid_t Supervisor::pid() const {
  const std::lock_guard lock(mutex_);
  return pid_;
}

void Supervisor::Stop() {
  if (!thread_.joinable()) return;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    const auto ended = [this] { return ended_; };
    const auto began = Clock::now();
    const bool running = pid_ > 0;
    if (running) {
      spdlog::info("embedded: stopping PostgreSQL (process {})", pid_);
      kill(pid_, SIGINT);
    }
    if (!changed_.wait_for(lock, kStopPatience, ended) && pid_ > 0) {
      spdlog::warn("embedded: PostgreSQL did not stop within {} s: forcing it; its next start recovers",
                   kStopPatience.count());
      kill(pid_, SIGQUIT);
      if (!changed_.wait_for(lock, kQuitPatience, ended) && pid_ > 0) kill(pid_, SIGKILL);
    }
    changed_.wait(lock, ended);
    if (running) spdlog::info("embedded: PostgreSQL stopped after {:.1f} s", Seconds(Clock::now() - began));
  }
  thread_.join();
}

// All starts happen in this one thread because the kernel's signal at a parent's death is for the death of the thread
// that forked.
void Supervisor::Run() {
  auto pause = kFirstPause;
  for (bool first = true;; first = false) {
    const auto began = Clock::now();
    auto status = StopOrphans(spec_.pgdata, spec_.socket_dir, spec_.account, kOrphanPatience);
    if (status.ok()) status = Launch();
    const pid_t pid = this->pid();
    auto ready_at = Clock::time_point::max();
    std::string how;
    if (status.ok() && pid > 0) {
      if (AwaitReady(pid)) {
        ready_at = Clock::now();
        spdlog::info("embedded: PostgreSQL accepts connections (process {}, {:.1f} s)", pid, Seconds(ready_at - began));
        Report(absl::OkStatus());
      }
      how = AwaitEnd(pid);
      if (ready_at == Clock::time_point::max()) {
        status = absl::UnavailableError(fmt::format("PostgreSQL did not start ({}): {}", how, EndOfLogs()));
      }
    } else {
      how = std::string(status.message());
    }
    const bool healthy = ready_at < Clock::now() - kHealthy;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    if (first && !status.ok()) {
      Report(status);
      break;
    }
    if (healthy) pause = kFirstPause;
    spdlog::error("embedded: PostgreSQL {}; starting it again in {:.1f} s. {}", how, Seconds(pause), EndOfLogs());
    if (!Pause(pause)) break;
    pause = std::min(pause * 2, kLongestPause);
  }
  Report(absl::CancelledError("stopped before PostgreSQL was ready"));
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

absl::Status Supervisor::Launch() {
  const int log =
      open(spec_.startup_log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (log < 0) {
    return absl::UnknownError(fmt::format("could not open {}: {}", spec_.startup_log,
                                          std::error_code(errno, std::generic_category()).message()));
  }
  // Under the mutex, so that Stop() either sees the process or keeps it from being started.
  const std::lock_guard lock(mutex_);
  absl::Status status;
  if (!stopping_) {
    // A killed server takes its PostgreSQL down with it, cleanly: a fast shutdown, not a crash.
    const auto pid = Spawn({.argv = {spec_.bin_dir + "/postgres", "-D", spec_.pgdata},
                            .directory = spec_.pgdata,
                            .account = spec_.account,
                            .signal_on_parent_death = SIGINT},
                           log);
    if (pid.ok()) pid_ = *pid;
    status = pid.status();
  }
  close(log);
  return status;
}

bool Supervisor::AwaitReady(pid_t pid) {
  const auto began = Clock::now();
  auto next_word = began + seconds(5);
  for (;;) {
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
      return false;
    if (IsReady(spec_.pgdata, pid)) return true;
    if (Clock::now() > next_word) {
      spdlog::info("embedded: PostgreSQL is starting, {:.0f} s so far (it may be recovering)",
                   Seconds(Clock::now() - began));
      next_word += seconds(10);
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
}

std::string Supervisor::AwaitEnd(pid_t pid) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  int status = 0;
  waitpid(pid, &status, 0);
  pid_ = -1;
  changed_.notify_all();
  if (WIFSIGNALED(status))
    return fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

bool Supervisor::Pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

void Supervisor::Report(absl::Status status) {
  const std::lock_guard lock(mutex_);
  if (first_known_) return;
  first_known_ = true;
  first_ = std::move(status);
  changed_.notify_all();
}

std::string Supervisor::EndOfLogs() const {
  auto lines = LastLines(spec_.startup_log, 4);
  fs::path newest;
  fs::file_time_type newest_time = fs::file_time_type::min();
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(spec_.log_dir, error)) {
    std::error_code gone;
    const auto time = entry.last_write_time(gone);
    if (!gone && time > newest_time) {
      newest = entry.path();
      newest_time = time;
    }
  }
  for (auto& line : LastLines(newest, 4)) lines.push_back(std::move(line));
  return fmt::format("Its last words ({}, {}): {}", spec_.startup_log, newest.string(), fmt::join(lines, " | "));
}

}  // namespace eventstore::embedded
