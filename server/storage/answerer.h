// Gives the answers of one lane, on a thread of its own and in the order in which they were put, while the lane's writer is
// at the next transaction already: what gRPC does to send one takes as long as a few rows take to be written, and its
// threads, which that wakes, would stop the writer in the middle of it.
//
// Bounded: Put() waits while kMaxWaiting answers wait, so that the writer falls back to the speed at which answers leave, its
// queue fills, and new appends are refused.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "server/storage/append_queue.h"

namespace eventstore::storage {

struct LaneAnswer {
  std::unique_ptr<AppendRequest> request;
  AppendOutcome outcome;
};

class Answerer {
 public:
  static constexpr std::size_t kMaxWaiting = 4096;

  Answerer() : thread_([this] { Run(); }) {}
  // Gives what waits.
  ~Answerer();
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // Thread-safe. A group is let in whole, however large it is.
  void Put(std::vector<LaneAnswer> answers);
  // Returns when everything that was put has been given.
  void Flush();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable put_;
  std::condition_variable given_;
  std::deque<std::vector<LaneAnswer>> groups_;
  std::size_t waiting_ = 0;  // of all groups, and of the one that is being given
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace eventstore::storage
