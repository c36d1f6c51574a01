// The real eventstored as a child process, for tests that kill it, run two of it, or talk to it in another language.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::testing {

class ServerProcess {
 public:
  struct Options {
    // One of the two: a database, or a folder for the server's own.
    std::string database_url;
    std::string data_dir;
    int grpc_port = 0;  // 0: any free one
    std::vector<std::string> args;
    std::map<std::string, std::string> environment;  // added to ours
    // How long to wait for SERVING; initdb on a slow machine is the longest part.
    std::chrono::seconds patience{120};
    // False: return when the process is there, for servers that are to fail.
    bool wait_until_serving = true;
  };

  // Returns when grpc.health.v1 says SERVING. The error holds what the server printed.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(const Options& options);
  // SIGKILL, if it still runs.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // "127.0.0.1:43210", for a gRPC channel; empty before it serves.
  const std::string& address() const { return address_; }
  int grpc_port() const;
  pid_t pid() const { return pid_; }

  void Signal(int signal) const;
  // Stops the process and lets it go on, as a debugger or the freezer does: system calls in it are interrupted.
  void Pause() const;
  // The exit code, or 128 + n when signal n ended it. Waits as long as it takes: ctest's time limit ends what hangs.
  int WaitForExit();
  // SIGKILL and wait.
  void Kill();
  // SIGTERM and wait; the exit code.
  int Terminate();

  // What it printed so far.
  std::string Log() const;
  // True when it printed `text`; false when it ended, or `patience` passed, without.
  bool WaitForLog(const std::string& text, std::chrono::seconds patience);
  // The value of a sample of /metrics that has no labels; NOT_FOUND: there is none of this name.
  absl::StatusOr<double> Metric(const std::string& name) const;
  // SERVING by grpc.health.v1, for `service` ("" is the whole server); false after `patience`.
  bool WaitUntilServing(std::chrono::seconds patience, const std::string& service = "") const;

 private:
  ServerProcess(pid_t pid, int output);
  void ReadOutput(int output);
  absl::Status AwaitServing(const Options& options);

  const pid_t pid_;
  int exit_code_ = -1;
  std::string address_;
  std::string http_address_;
  mutable std::mutex mutex_;
  std::condition_variable printed_;
  std::string log_;
  bool output_closed_ = false;
  std::thread reader_;
};

}  // namespace eventstore::testing
