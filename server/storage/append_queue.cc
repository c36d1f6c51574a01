#include "server/storage/append_queue.h"

#include <iterator>
#include <ranges>
#include <utility>

namespace eventstore::storage {

bool AppendQueue::Put(AppendRequest& request) {
  {
    const std::scoped_lock lock(mutex_);
    if (closed_ || requests_.size() >= options_.max_requests) return false;
    if (!requests_.empty() && bytes_ + request.bytes > options_.max_bytes) return false;
    bytes_ += request.bytes;
    requests_.push_back(std::make_unique<AppendRequest>(std::move(request)));
  }
  wake_.notify_one();
  return true;
}

AppendRequestList AppendQueue::Take() {
  AppendRequestList batch;
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return closed_ || !requests_.empty(); });
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (!requests_.empty() && !emptied_) {
    const AppendRequest& next = *requests_.front();
    const bool fits =
        events + next.events <= options_.max_batch_events && bytes + next.bytes <= options_.max_batch_bytes;
    if (!batch.empty() && !fits) break;
    events += next.events;
    bytes += next.bytes;
    bytes_ -= next.bytes;
    batch.push_back(std::move(requests_.front()));
    requests_.pop_front();
  }
  return batch;
}

void AppendQueue::PutBack(AppendRequestList requests) {
  const std::scoped_lock lock(mutex_);
  for (auto& request : std::views::reverse(requests)) {
    bytes_ += request->bytes;
    requests_.push_front(std::move(request));
  }
}

void AppendQueue::Close() {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
}

AppendRequestList AppendQueue::Empty() {
  AppendRequestList left;
  {
    const std::scoped_lock lock(mutex_);
    closed_ = emptied_ = true;
    left.assign(std::make_move_iterator(requests_.begin()), std::make_move_iterator(requests_.end()));
    requests_.clear();
    bytes_ = 0;
  }
  wake_.notify_all();
  return left;
}

std::size_t AppendQueue::size() const {
  const std::scoped_lock lock(mutex_);
  return requests_.size();
}

std::size_t AppendQueue::bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

}  // namespace eventstore::storage
