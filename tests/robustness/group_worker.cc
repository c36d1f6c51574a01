#include "tests/robustness/group_worker.h"

#include <utility>

namespace eventstore::testing {

GroupWorker::GroupWorker(const client::EventStoreClient& store, client::GroupConsumerOptions options,
                         std::function<Life()> next_life)
    : store_(store), options_(std::move(options)), next_life_(std::move(next_life)), thread_([this] { Run(); }) {}

void GroupWorker::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (consumer_ != nullptr) consumer_->Leave();
  }
  if (thread_.joinable()) thread_.join();
}

void GroupWorker::Run() {
  while (!stopping_) {
    const Life live = next_life_();
    client::GroupConsumer consumer(store_, options_);
    {
      const std::lock_guard lock(mutex_);
      consumer_ = &consumer;
      if (stopping_) consumer.Leave();
    }
    ++lives_;
    live(consumer);
    if (!stopping_) consumer.Cancel();
    const std::lock_guard lock(mutex_);
    consumer_ = nullptr;
  }
}

}  // namespace eventstore::testing
