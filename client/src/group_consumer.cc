#include "eventstore/group_consumer.h"

#include <utility>

#include "client/src/group_state.h"

namespace eventstore::client {

GroupConsumer::GroupConsumer(const EventStoreClient& client, GroupConsumerOptions options)
    : state_(std::make_unique<internal::GroupState>(client.core_, std::move(options))) {}

GroupConsumer::~GroupConsumer() = default;

std::optional<absl::StatusOr<GroupDelivery>> GroupConsumer::Next() { return state_->Next(); }

bool GroupConsumer::Ack(const GroupDelivery& delivery) { return state_->Answer(delivery, GroupAnswer::Ack()); }

bool GroupConsumer::Retry(const GroupDelivery& delivery, const std::string& reason) {
  return state_->Answer(delivery, GroupAnswer::Retry(reason));
}

bool GroupConsumer::Park(const GroupDelivery& delivery, const std::string& reason) {
  return state_->Answer(delivery, GroupAnswer::Park(reason));
}

bool GroupConsumer::Skip(const GroupDelivery& delivery, const std::string& reason) {
  return state_->Answer(delivery, GroupAnswer::Skip(reason));
}

bool GroupConsumer::Answer(const GroupDelivery& delivery, const GroupAnswer& answer) {
  return state_->Answer(delivery, answer);
}

bool GroupConsumer::IsTakenBack(const GroupDelivery& delivery) const { return state_->IsTakenBack(delivery); }

absl::Status GroupConsumer::Run(const std::function<GroupAnswer(const GroupDelivery&)>& handler) {
  while (auto delivery = Next()) {
    if (!delivery->ok()) return delivery->status();
    state_->Answer(**delivery, handler(**delivery));
  }
  return absl::OkStatus();
}

void GroupConsumer::Leave() { state_->Leave(); }

void GroupConsumer::Cancel() { state_->Cancel(); }

}  // namespace eventstore::client
