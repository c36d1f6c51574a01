// Batches waiting for one worker: a few, so that memory stays bounded and the reader waits for the slowest.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "tools/eventctl/load/batch.h"

namespace eventstore::eventctl {

class BatchQueue {
 public:
  // Waits for room. False: the queue is closed, the batch was not taken.
  bool Push(Batch batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || batches_.size() < kMaxWaiting; });
    if (closed_) return false;
    batches_.push_back(std::move(batch));
    changed_.notify_all();
    return true;
  }

  // Nothing: closed, and everything was taken.
  std::optional<Batch> Pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !batches_.empty(); });
    if (batches_.empty()) return std::nullopt;
    Batch batch = std::move(batches_.front());
    batches_.pop_front();
    changed_.notify_all();
    return batch;
  }

  // No more comes; what waits is still given out.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  // Closes and drops what waits.
  void Abandon() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    batches_.clear();
    changed_.notify_all();
  }

 private:
  static constexpr std::size_t kMaxWaiting = 2;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool closed_ = false;
};

}  // namespace eventstore::eventctl
