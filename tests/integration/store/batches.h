// Requests and ids for tests, short to write and easy to recognise in a failure.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/append.h"
#include "server/domain/lane.h"

namespace eventstore::domain {

// For gtest's messages.
inline void PrintTo(const Uuid& id, std::ostream* out) { *out << id.ToString(); }

}  // namespace eventstore::domain

namespace eventstore::testing {

// 00000000-0000-7000-8000-<n in hex>.
inline domain::Uuid Id(std::uint64_t n) {
  domain::Uuid id;
  id.bytes[6] = 0x70;
  id.bytes[8] = 0x80;
  for (std::size_t i = 15; i > 9 && n > 0; --i, n >>= 8) id.bytes[i] = static_cast<std::uint8_t>(n);
  return id;
}

// The `nth` aggregate (from 0) that belongs to a lane.
inline domain::Uuid AggregateIn(int lane, int nth = 0, int lanes = 2) {
  for (std::uint64_t n = 0xA0'0000;; ++n) {
    if (domain::LaneOf(Id(n), lanes) == lane && nth-- == 0) return Id(n);
  }
}

inline domain::NewEvent Event(std::uint64_t id, const std::string& data = "{}") {
  domain::NewEvent event;
  event.id = Id(id);
  event.event_type = "happened";
  event.data = data;
  event.source = "api";
  return event;
}

inline domain::Append AppendOf(const domain::Uuid& aggregate, domain::VersionCheck check,
                               std::vector<domain::NewEvent> events) {
  return {aggregate, "entity", check, std::move(events)};
}

inline domain::AppendBatch One(const domain::Uuid& aggregate, domain::VersionCheck check,
                               std::vector<domain::NewEvent> events) {
  return {true, {AppendOf(aggregate, check, std::move(events))}, {}};
}

inline domain::AppendBatch Several(std::vector<domain::Append> appends,
                                   std::vector<domain::AggregateCheck> checks = {}) {
  return {false, std::move(appends), std::move(checks)};
}

}  // namespace eventstore::testing
