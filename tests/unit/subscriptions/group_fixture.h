// Events for dispatchers, made of numbers.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "server/domain/bucket.h"
#include "server/subscriptions/group_dispatcher.h"

namespace eventstore::subscriptions {

inline domain::Uuid IdOf(int kind, int number) {
  domain::Uuid id;
  id.bytes[0] = static_cast<std::uint8_t>(kind);
  for (int i = 0; i < 4; ++i) id.bytes[static_cast<std::size_t>(15 - i)] = static_cast<std::uint8_t>(number >> (8 * i));
  return id;
}

inline domain::Uuid Member(int number) { return IdOf(1, number); }
inline domain::Uuid Aggregate(int number) { return IdOf(2, number); }

inline domain::RecordedEvent EventAt(domain::Position position, int aggregate, std::size_t bytes = 2) {
  domain::RecordedEvent event;
  event.id = IdOf(3, static_cast<int>(position));
  event.aggregate_id = Aggregate(aggregate);
  event.global_position = position;
  event.data = std::string(bytes, 'x');
  event.metadata = "{}";
  return event;
}

inline domain::MonotonicTime At(int ms) {
  return domain::MonotonicTime{} + std::chrono::hours{1} + std::chrono::milliseconds{ms};
}

inline domain::GroupSettings Settings(int max_deliveries = 3) {
  domain::GroupSettings settings;
  settings.ack_timeout = std::chrono::milliseconds{1'000};
  settings.max_deliveries = max_deliveries;
  settings.retry_pause = std::chrono::milliseconds{100};
  return settings;
}

}  // namespace eventstore::subscriptions
