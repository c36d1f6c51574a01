// Ctrl-C and SIGTERM as something a command can wait for, so that it ends cleanly.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace eventstore::eventctl {

// Make it before any other thread exists: threads inherit that the signals are blocked, and one thread of ours takes them.
// A second signal ends the process at once with 130.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool requested() const;
  // True when a signal came before the time was over.
  bool WaitFor(std::chrono::milliseconds time);

  // Runs `action` when the signal comes (at once, if it has come already), in another thread; an empty one ends that.
  void SetAction(std::function<void()> action);

 private:
  void Watch();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool requested_ = false;
  bool stopping_ = false;
  std::function<void()> action_;
  std::thread watcher_;
};

}  // namespace eventstore::eventctl
