#include "server/storage/answerer.h"

#include <utility>

namespace eventstore::storage {

Answerer::~Answerer() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  put_.notify_all();
  thread_.join();
}

void Answerer::Put(std::vector<LaneAnswer> answers) {
  if (answers.empty()) return;
  {
    std::unique_lock lock(mutex_);
    given_.wait(lock, [this] { return waiting_ < kMaxWaiting; });
    waiting_ += answers.size();
    groups_.push_back(std::move(answers));
  }
  put_.notify_one();
}

void Answerer::Flush() {
  std::unique_lock lock(mutex_);
  given_.wait(lock, [this] { return waiting_ == 0; });
}

void Answerer::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    put_.wait(lock, [this] { return !groups_.empty() || closed_; });
    if (groups_.empty()) return;
    std::vector<LaneAnswer> group = std::move(groups_.front());
    groups_.pop_front();
    lock.unlock();
    const std::size_t count = group.size();
    for (LaneAnswer& answer : group) {
      // It goes with its answer: a group may hold megabytes.
      const auto request = std::move(answer.request);
      request->done(request->batch, std::move(answer.outcome));
    }
    lock.lock();
    waiting_ -= count;
    given_.notify_all();
  }
}

}  // namespace eventstore::storage
