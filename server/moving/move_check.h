// Compares the legacy table with the store, row by row and content by content, at one moment: a snapshot that both sides are
// read under, while everybody goes on writing. What waits in the outbox, or is known to have failed, is no difference: the
// conditions of the cut-over count that.
//
// Each chunk is read in a transaction of its own, so that thousands need no more locks than one. On PostgreSQL's disk it takes
// about 100 bytes a row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::moving {

struct MoveDifference {
  std::string kind;  // "missing_in_store", "missing_in_legacy", "different"
  std::string id;
};

struct MoveComparison {
  std::int64_t legacy_rows = 0;
  std::int64_t store_events = 0;  // that ought to be in the legacy table
  std::int64_t waiting = 0;       // on either side, left out of the comparison
  std::int64_t missing_in_store = 0;
  std::int64_t missing_in_legacy = 0;
  std::int64_t different = 0;
  std::vector<MoveDifference> examples;  // at most kExamples

  static constexpr int kExamples = 20;
  bool clean() const { return missing_in_store + missing_in_legacy + different == 0; }
};

absl::StatusOr<MoveComparison> CompareWithLegacy(const std::string& conninfo);

}  // namespace eventstore::moving
