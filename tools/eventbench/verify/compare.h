// One aggregate as it was acknowledged and as it was read back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "tools/eventbench/load/ids.h"
#include "tools/eventbench/verify/ledger.h"

namespace eventstore::eventbench {

struct Comparison {
  std::int64_t confirmed = 0;       // acknowledged and there, once, with its version and position
  std::int64_t lost = 0;            // acknowledged and not there
  std::int64_t doubled = 0;         // an id or a version that is there twice
  std::int64_t moved = 0;           // there with another version or position than acknowledged
  std::int64_t disordered = 0;      // versions with a gap, or positions that run back
  std::int64_t refused_stored = 0;  // there although the store said that nothing was written
  std::int64_t unknown_stored = 0;  // its answer was lost; no violation
  std::int64_t foreign = 0;         // written by somebody else; no violation
  std::vector<std::string> examples;

  std::int64_t Violations() const { return lost + doubled + moved + disordered + refused_stored; }
  void Add(const Comparison& other);
};

// An event as it was read.
struct Stored {
  Id event;
  std::int32_t version = 0;
  std::int64_t position = 0;
};

// `acknowledged` and `stored` of one aggregate, the latter in the order read.
Comparison Compare(std::span<const Acknowledged> acknowledged, std::span<const Stored> stored, const Ledger& ledger);

}  // namespace eventstore::eventbench
