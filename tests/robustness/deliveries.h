// A subscriber of everything, through whatever happens; what it is given is checked as it comes: positions only grow, and
// no version of an aggregate is left out or comes twice. At the end it is held against what was acknowledged.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "eventstore/subscriber.h"
#include "tests/robustness/ledger.h"

namespace eventstore::testing {

class Deliveries {
 public:
  // `restart_after`: so many deliveries a subscription; then another one goes on from the position that was noted, as a
  // consumer does that was killed. 0: one for all the time.
  explicit Deliveries(const client::EventStoreClient& store, int restart_after = 0);
  ~Deliveries();

  // Waits until everything that was acknowledged has been delivered. The first promise that was not kept, or ok.
  absl::Status AwaitAll(const Ledger& ledger, std::chrono::seconds patience) const;

  std::size_t count() const;
  int subscriptions() const { return subscriptions_; }

 private:
  void Run();
  absl::Status Take(const v1::RecordedEvent& event);

  const client::EventStoreClient& store_;
  const int restart_after_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> subscriptions_ = 0;

  mutable std::mutex mutex_;
  client::Subscriber* subscriber_ = nullptr;
  std::map<std::string, std::int64_t> positions_;  // event id -> position
  std::map<std::string, std::int32_t> versions_;   // aggregate -> the last one
  std::int64_t position_ = 0;
  absl::Status broken_;
  std::thread thread_;
};

}  // namespace eventstore::testing
