// Keeps one postmaster running: a thread starts it, waits for its end, and starts it again until told to stop.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "server/embedded/account.h"

namespace eventstore::embedded {

struct PostmasterSpec {
  std::string bin_dir;
  std::string pgdata;
  std::string socket_dir;
  std::string log_dir;
  std::string startup_log;  // what PostgreSQL says before its own log is open
  Account account;
};

class Supervisor {
 public:
  explicit Supervisor(PostmasterSpec spec) : spec_(std::move(spec)) {}
  ~Supervisor() { Stop(); }
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Returns when the first postmaster accepts connections; an error, with the end of its log, when that one ended first;
  // CANCELLED when `stop_requested`, asked ten times a second, said so (and PostgreSQL is stopped again).
  absl::Status Start(const std::function<bool()>& stop_requested);
  void Stop();
  // -1 while there is none.
  pid_t pid() const;

 private:
  void Run();
  absl::Status Launch();
  // True when it accepts connections, false when it ended before.
  bool AwaitReady(pid_t pid);
  // Waits for its end and says how it went, for people.
  std::string AwaitEnd(pid_t pid);
  // False when Stop() came meanwhile.
  bool Pause(std::chrono::milliseconds time);
  void Report(absl::Status status);
  std::string EndOfLogs() const;

  const PostmasterSpec spec_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  pid_t pid_ = -1;            // guarded by mutex_; a process not yet waited for, so the number is still its own
  bool stopping_ = false;     // guarded by mutex_
  bool ended_ = false;        // guarded by mutex_; the thread is done
  bool first_known_ = false;  // guarded by mutex_
  absl::Status first_;        // guarded by mutex_; how the first start went
  std::thread thread_;
};

}  // namespace eventstore::embedded
