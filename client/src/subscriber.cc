#include "eventstore/subscriber.h"

#include <utility>

#include "client/src/subscriber_state.h"

namespace eventstore::client {

Subscriber::Subscriber(const EventStoreClient& client, v1::SubscribeRequest request)
    : state_(std::make_unique<internal::SubscriberState>(client.core_, std::move(request))) {}

Subscriber::~Subscriber() = default;

std::optional<absl::StatusOr<Delivery>> Subscriber::Next() { return state_->Next(); }

bool Subscriber::HasNext() const { return state_->HasNext(); }

void Subscriber::Cancel() { state_->Cancel(); }

}  // namespace eventstore::client
