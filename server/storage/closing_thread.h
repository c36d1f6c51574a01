// Runs a ChunkCloser in the background: soon after the start, then now and then, and again at once while there is much
// left. What fails is logged and tried again at the next turn.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "server/storage/chunk_closer.h"

namespace eventstore::storage {

struct ClosingThreadOptions {
  std::chrono::milliseconds first{2'000};
  std::chrono::milliseconds interval{300'000};
  ChunkCloserOptions closer;
};

class ClosingThread {
 public:
  ClosingThread(const std::string& conninfo, ClosingThreadOptions options);
  // Cancels what runs; a chunk that was not finished is recorded by whoever comes next.
  ~ClosingThread();

 private:
  void Run();
  void Turn();

  const ClosingThreadOptions options_;
  ChunkCloser closer_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace eventstore::storage
