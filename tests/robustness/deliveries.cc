#include "tests/robustness/deliveries.h"

#include "fmt/format.h"

namespace eventstore::testing {

Deliveries::Deliveries(const client::EventStoreClient& store, int restart_after)
    : store_(store), restart_after_(restart_after), thread_([this] { Run(); }) {}

Deliveries::~Deliveries() {
  stop_ = true;
  {
    const std::scoped_lock lock(mutex_);
    if (subscriber_ != nullptr) subscriber_->Cancel();
  }
  thread_.join();
}

std::size_t Deliveries::count() const {
  const std::scoped_lock lock(mutex_);
  return positions_.size();
}

void Deliveries::Run() {
  while (!stop_) {
    ++subscriptions_;
    v1::SubscribeRequest request;
    request.set_from_position(position_);
    client::Subscriber subscriber(store_, request);
    {
      const std::scoped_lock lock(mutex_);
      subscriber_ = &subscriber;
      if (stop_) subscriber.Cancel();
    }
    for (int taken = 0; restart_after_ == 0 || taken < restart_after_; ++taken) {
      const auto delivery = subscriber.Next();
      if (!delivery) break;
      const std::scoped_lock lock(mutex_);
      if (!delivery->ok()) {
        broken_.Update(delivery->status());
      } else if ((*delivery)->kind == client::Delivery::Kind::kEvent) {
        broken_.Update(Take((*delivery)->event));
      } else if ((*delivery)->position < position_) {
        broken_.Update(absl::DataLossError(fmt::format("at {} after {}", (*delivery)->position, position_)));
      } else {
        position_ = (*delivery)->position;
      }
      if (!broken_.ok()) {
        subscriber_ = nullptr;
        return;
      }
    }
    const std::scoped_lock lock(mutex_);
    subscriber_ = nullptr;
  }
}

absl::Status Deliveries::Take(const v1::RecordedEvent& event) {
  if (event.global_position() <= position_) {
    return absl::DataLossError(
        fmt::format("{} at {} was delivered after {}", event.id(), event.global_position(), position_));
  }
  std::int32_t& version = versions_[event.aggregate_id()];
  if (event.version() != version + 1) {
    return absl::DataLossError(
        fmt::format("version {} of {} was delivered after {}", event.version(), event.aggregate_id(), version));
  }
  version = event.version();
  position_ = event.global_position();
  positions_[event.id()] = position_;
  return absl::OkStatus();
}

absl::Status Deliveries::AwaitAll(const Ledger& ledger, std::chrono::seconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    absl::Status missing;
    {
      const std::scoped_lock lock(mutex_);
      if (!broken_.ok()) return broken_;
      missing = ledger.CheckDelivered(positions_);
    }
    if (missing.ok() || std::chrono::steady_clock::now() > until) return missing;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace eventstore::testing
