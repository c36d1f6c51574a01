// The parts of GroupDispatcher, for its own sources alone.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "server/subscriptions/group_dispatcher.h"

namespace eventstore::subscriptions {

struct GroupDispatcher::Consumer {
  MemberId id;
  int max_in_flight = 0;
  bool leaving = false;
  bool woken = false;
  std::int64_t last_delivery = 0;
  absl::flat_hash_map<std::int64_t, Slot*> open;  // by delivery id
  // The same in the order of delivery.
  Slot* oldest = nullptr;
  Slot* newest = nullptr;
  Time oldest_since;      // the oldest one is the oldest
  std::size_t bytes = 0;  // of what its buckets hold unsettled
  std::deque<int> ready;  // buckets that may have something to deliver
  std::vector<int> stopped;
  std::vector<std::int64_t> taken_back;  // to be told
};

struct GroupDispatcher::Bucket {
  int number = 0;
  MemberId member;
  Consumer* consumer = nullptr;  // none: it is let go of
  domain::Position place = 0;
  domain::Position stored = 0;  // the place that is written
  domain::Position had = 0;     // all matching events up to here were taken
  SlotQueue events;
  SlotQueue replays;
  std::map<domain::Position, int> failures;  // of what is beyond the place
  std::size_t open = 0;                      // deliveries that are not answered
  bool listed = false;                       // in Consumer::ready
  bool stopped = false;                      // it refused; in Consumer::stopped
  bool releasing = false;
  bool let_go = false;
  Time release_by;

  // To be written.
  std::vector<domain::ParkWrite> parks;
  std::map<domain::Position, int> attempts;
  std::vector<domain::ReplayWrite> outcomes;
  // Being written.
  bool flying = false;
  bool flying_release = false;
  domain::Position flying_place = 0;
  std::vector<domain::ParkWrite> flying_parks;
  std::map<domain::Position, int> flying_attempts;
  std::vector<domain::ReplayWrite> flying_outcomes;

  domain::Position Place() const { return events.size() == 0 ? had : place; }
  bool IsDirty() const {
    return let_go || Place() != stored || !parks.empty() || !attempts.empty() || !outcomes.empty();
  }
};

}  // namespace eventstore::subscriptions
