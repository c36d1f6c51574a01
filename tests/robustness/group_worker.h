// One consumer of a group after another, in a thread of their own: each lives for a while and vanishes as if it had been
// killed, with what it has in hand.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "eventstore/group_consumer.h"

namespace eventstore::testing {

class GroupWorker {
 public:
  // What a consumer does until it vanishes, or until Next() gives nothing more.
  using Life = std::function<void(client::GroupConsumer&)>;

  // `next_life` is asked before each consumer joins.
  GroupWorker(const client::EventStoreClient& store, client::GroupConsumerOptions options,
              std::function<Life()> next_life);
  ~GroupWorker() { Stop(); }

  // The last one leaves in good order.
  void Stop();
  int lives() const { return lives_; }

 private:
  void Run();

  const client::EventStoreClient store_;
  const client::GroupConsumerOptions options_;
  const std::function<Life()> next_life_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> lives_ = 0;
  std::mutex mutex_;
  client::GroupConsumer* consumer_ = nullptr;
  std::thread thread_;
};

}  // namespace eventstore::testing
