// A subscriber, through whatever happens; what it is given is checked as it comes, and at the end held against what is
// stored (delivery_record.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/subscriber.h"
#include "tests/robustness/delivery_record.h"
#include "tests/robustness/ledger.h"

namespace eventstore::testing {

struct DeliveriesOptions {
  // So many deliveries a subscription; then another one goes on from the position that was noted, as a consumer does that
  // was killed. 0: one for all the time.
  int restart_after = 0;
  // What the filter of the request means for versions.
  Versions versions = Versions::kAll;
};

class Deliveries {
 public:
  using Options = DeliveriesOptions;

  // Of everything, from the beginning.
  explicit Deliveries(const client::EventStoreClient& store, Options options = {});
  Deliveries(const client::EventStoreClient& store, v1::SubscribeRequest request, Options options = {});
  ~Deliveries();

  // Waits until the last of what matches has come. The first promise that was not kept, or ok.
  absl::Status AwaitAll(const std::vector<Stored>& stored, std::chrono::seconds patience) const;

  std::size_t count() const;
  // Where it would go on.
  std::int64_t position() const;
  int subscriptions() const { return subscriptions_; }
  // The first promise that was broken, if any.
  absl::Status broken() const;
  // From the acknowledgement to the delivery, of the events that were acknowledged in this time; 0 when the delivery was first.
  std::vector<std::chrono::microseconds> Delays(const Ledger& ledger, Ledger::Time since, Ledger::Time until) const;

 private:
  void Run();
  // False: a promise was broken, and it is over.
  bool Take(const absl::StatusOr<client::Delivery>& delivery);

  const client::EventStoreClient store_;
  const v1::SubscribeRequest request_;
  const Options options_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> subscriptions_ = 0;

  mutable std::mutex mutex_;
  client::Subscriber* subscriber_ = nullptr;
  DeliveryRecord record_;
  absl::Status broken_;
  std::thread thread_;
};

// Everything that the store gives, in its order.
absl::StatusOr<std::vector<v1::RecordedEvent>> ReadEverything(const client::EventStoreClient& store);
// Of these, what a subscriber with this filter gets.
std::vector<Stored> Matching(const std::vector<v1::RecordedEvent>& events, const v1::SubscribeRequest& request);

}  // namespace eventstore::testing
