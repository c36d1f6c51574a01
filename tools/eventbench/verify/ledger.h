// What the store has acknowledged, and what it has refused: the word it is held to afterwards.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tools/eventbench/load/ids.h"

namespace eventstore::eventbench {

struct Acknowledged {
  Id aggregate;
  Id event;
  std::int32_t version = 0;
  std::int64_t position = 0;
};

// Filled by one worker each, then merged.
struct Ledger {
  bool enabled = false;
  std::vector<Acknowledged> events;
  // The store said that nothing was written.
  std::unordered_set<Id> refused;
  // No answer came, or one that leaves it open: may be stored, at most once.
  std::unordered_map<Id, Id> unknown;  // event -> aggregate

  void Merge(Ledger&& other) {
    events.insert(events.end(), other.events.begin(), other.events.end());
    refused.merge(other.refused);
    unknown.merge(other.unknown);
  }
};

}  // namespace eventstore::eventbench
