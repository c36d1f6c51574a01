#include "tests/robustness/deliveries.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace eventstore::testing {
namespace {

v1::SubscribeRequest FromBeginning() {
  v1::SubscribeRequest request;
  request.set_from_position(0);
  return request;
}

std::optional<std::int64_t> StartOf(const v1::SubscribeRequest& request) {
  if (request.has_from_now()) return std::nullopt;
  return request.from_position();
}

}  // namespace

Deliveries::Deliveries(const client::EventStoreClient& store, Options options)
    : Deliveries(store, FromBeginning(), options) {}

Deliveries::Deliveries(const client::EventStoreClient& store, v1::SubscribeRequest request, Options options)
    : store_(store),
      request_(std::move(request)),
      options_(options),
      record_(options.versions, StartOf(request_)),
      thread_([this] { Run(); }) {}

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
  return record_.count();
}

std::int64_t Deliveries::position() const {
  const std::scoped_lock lock(mutex_);
  return record_.position();
}

absl::Status Deliveries::broken() const {
  const std::scoped_lock lock(mutex_);
  return broken_;
}

void Deliveries::Run() {
  while (!stop_) {
    ++subscriptions_;
    v1::SubscribeRequest request = request_;
    {
      const std::scoped_lock lock(mutex_);
      if (record_.after()) request.set_from_position(std::max(record_.position(), *record_.after()));
    }
    client::Subscriber subscriber(store_, request);
    {
      const std::scoped_lock lock(mutex_);
      subscriber_ = &subscriber;
      if (stop_) subscriber.Cancel();
    }
    bool kept = true;
    for (int taken = 0; kept && (options_.restart_after == 0 || taken < options_.restart_after); ++taken) {
      const auto delivery = subscriber.Next();
      if (!delivery) break;
      kept = Take(*delivery);
    }
    const std::scoped_lock lock(mutex_);
    subscriber_ = nullptr;
    if (!kept) return;
  }
}

bool Deliveries::Take(const absl::StatusOr<client::Delivery>& delivery) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (!delivery.ok()) {
    broken_ = delivery.status();
  } else if (delivery->kind == client::Delivery::Kind::kEvent) {
    broken_ = record_.TakeEvent(delivery->event, now);
  } else {
    broken_ = record_.TakePlace(delivery->position);
  }
  return broken_.ok();
}

absl::Status Deliveries::AwaitAll(const std::vector<Stored>& stored, std::chrono::seconds patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    {
      const std::scoped_lock lock(mutex_);
      if (!broken_.ok()) return broken_;
      const bool all = record_.after() && (stored.empty() || record_.position() >= stored.back().position);
      if (all || std::chrono::steady_clock::now() > until) return record_.CheckAgainst(stored);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::vector<std::chrono::microseconds> Deliveries::Delays(const Ledger& ledger, Ledger::Time since,
                                                          Ledger::Time until) const {
  std::vector<std::chrono::microseconds> delays;
  const std::scoped_lock lock(mutex_);
  for (const auto& given : record_.given()) {
    if (given.at < since) continue;
    const auto acknowledged = ledger.AcknowledgedAt(given.event.id);
    if (!acknowledged || *acknowledged < since || *acknowledged > until) continue;
    const auto delay = std::chrono::duration_cast<std::chrono::microseconds>(given.at - *acknowledged);
    delays.push_back(std::max(delay, std::chrono::microseconds{0}));
  }
  return delays;
}

absl::StatusOr<std::vector<v1::RecordedEvent>> ReadEverything(const client::EventStoreClient& store) {
  std::vector<v1::RecordedEvent> events;
  for (auto& event : store.ReadAll({})) {
    if (!event.ok()) return event.status();
    events.push_back(*std::move(event));
  }
  return events;
}

std::vector<Stored> Matching(const std::vector<v1::RecordedEvent>& events, const v1::SubscribeRequest& request) {
  const auto& filter = request.filter();
  std::vector<Stored> matching;
  for (const auto& event : events) {
    const auto begins = [&](const std::string& prefix) { return event.event_type().starts_with(prefix); };
    const bool any_type = filter.event_types().empty() && filter.event_type_prefixes().empty();
    if (!request.aggregate_id().empty() && event.aggregate_id() != request.aggregate_id()) continue;
    if (!any_type && std::ranges::find(filter.event_types(), event.event_type()) == filter.event_types().end() &&
        std::ranges::none_of(filter.event_type_prefixes(), begins)) {
      continue;
    }
    matching.push_back({event.id(), event.global_position()});
  }
  return matching;
}

}  // namespace eventstore::testing
