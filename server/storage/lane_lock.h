// The advisory locks of the lanes: pg_advisory_xact_lock(kLaneLockClass, lane), held from before a transaction's first
// write to its end; transactions over several lanes may share them (lane_mode.h). Always taken in ascending order, in one
// go: no deadlock is possible. Nothing else is locked before.
#pragma once

#include <set>
#include <string>

#include "fmt/format.h"

namespace eventstore::storage {

// "EVST": tells our locks from other users' of the cluster's advisory locks.
inline constexpr int kLaneLockClass = 0x45565354;

// BEGIN and the locks as one script: one round trip. Lanes are small integers of our own.
inline std::string BeginWithLanes(const std::set<int>& lanes) {
  std::string script = "BEGIN ISOLATION LEVEL READ COMMITTED";
  for (const int lane : lanes) script += fmt::format("; SELECT pg_advisory_xact_lock({}, {})", kLaneLockClass, lane);
  return script;
}

}  // namespace eventstore::storage
