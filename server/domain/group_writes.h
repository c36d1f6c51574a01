// What a server has to keep of what the consumers of a group answered. Written in one transaction (group_turn.h): each
// part counts only while the member of its bucket's PlaceWrite owns the bucket.
#pragma once

#include <string>
#include <vector>

#include "server/domain/consumer_group.h"
#include "server/domain/group_turn.h"

namespace eventstore::domain {

struct ParkWrite {
  ParkedRef event;
  std::string reason;
  int deliveries = 0;
};

struct AttemptWrite {
  int bucket = 0;
  Position position = 0;
  int failures = 0;
};

// Of an event that was parked and delivered again.
struct ReplayWrite {
  enum class Outcome { kSettled, kFailed, kParkedAgain };
  int bucket = 0;
  Uuid event_id;
  Outcome outcome = Outcome::kSettled;
  std::string reason;  // kParkedAgain
  int failures = 0;    // since it was asked for
};

struct GroupWrites {
  std::vector<PlaceWrite> places;  // one for each bucket that anything here is about
  std::vector<ParkWrite> parks;
  std::vector<AttemptWrite> attempts;
  std::vector<ReplayWrite> replays;

  bool empty() const { return places.empty(); }
};

}  // namespace eventstore::domain
