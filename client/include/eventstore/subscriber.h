// Everything after a place, in order, and then what is new: for projections, process managers, caches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "eventstore/client.h"
#include "eventstore/v1/subscriptions.pb.h"

namespace eventstore::client {

namespace internal {
class SubscriberState;
}

// One thing that a subscription brings.
struct Delivery {
  enum class Kind {
    kEvent,
    // Everything up to `position` was delivered, and what comes next is new.
    kCaughtUp,
    // New events came faster than they were taken; older ones follow until the next kCaughtUp.
    kFellBehind,
    // Nothing that matches lies between the last event and `position`.
    kCheckpoint,
  };
  Kind kind = Kind::kEvent;
  v1::RecordedEvent event;    // of kEvent
  std::int64_t position = 0;  // to go on from after this one: SubscribeRequest.from_position
};

// A subscription that survives its connection: when the server goes away, it is opened again after the last position that
// was delivered, for as long as it takes (the pauses are those of Options::retry), and no event comes twice or is left out.
// Errors that stay (a bad request, POSITION_AHEAD) end it.
//
//   Subscriber subscriber(client, request);
//   while (auto delivery = subscriber.Next()) {
//     if (!delivery->ok()) return delivery->status();
//     Handle(**delivery);       // and note (*delivery)->position in the same transaction
//   }
//
// At most two pages are held in memory; the server waits while you work. One thread at a time, except for Cancel().
class Subscriber {
 public:
  Subscriber(const EventStoreClient& client, v1::SubscribeRequest request);
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Waits for the next one. An error is given once; nothing comes after it, or after Cancel().
  std::optional<absl::StatusOr<Delivery>> Next();

  // The next one is here already: Next() does not wait for it. For who handles several in one transaction.
  bool HasNext() const;

  // From any thread: a waiting Next() returns nothing.
  void Cancel();

 private:
  const std::unique_ptr<internal::SubscriberState> state_;
};

}  // namespace eventstore::client
