// How many calls are under way, so that the end of the server can wait for them, and how many there were.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace eventstore::service {

// Thread-safe. Outlives every call.
class CallCount {
 public:
  // One call, from its arrival until gRPC is done with it.
  class Call {
   public:
    explicit Call(CallCount& count) : count_(count) { count_.Add(1); }
    ~Call() { count_.Add(-1); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CallCount& count_;
  };

  // Calls that have arrived so far.
  std::uint64_t begun() const {
    const std::scoped_lock lock(mutex_);
    return begun_;
  }

  // False when there still are some after `patience`.
  bool AwaitNone(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return running_ == 0; });
  }

 private:
  void Add(int calls) {
    const std::scoped_lock lock(mutex_);
    running_ += calls;
    if (calls > 0) ++begun_;
    if (running_ == 0) changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int running_ = 0;
  std::uint64_t begun_ = 0;
};

}  // namespace eventstore::service
