// Whether a transaction over several lanes takes them for itself or together with others of its kind
// (docs/decisions/0027-batches-share-lanes.md).
//
// Alone (pg_advisory_xact_lock): nobody else appends to these lanes, so what was read is still true at the write.
// Shared (pg_advisory_xact_lock_shared): other transactions over several lanes run beside it. What keeps the promises then
// is the write statement, which fails unless every head is as it was read: the transaction is rolled back and run again,
// alone. So version, time and position still have one order in an aggregate. The transaction id is given out by the
// statement that reads the heads, after its snapshot was taken: whoever had changed a head before that has a smaller id,
// and whoever changes one after it makes the write fail.
//
// Not shared: aggregates that are only checked, since no write notices when they move.
#pragma once

#include <set>

#include "server/storage/append_queue.h"

namespace eventstore::storage {

enum class LaneMode { kAlone, kShared };

class LaneSharing {
 public:
  // So many transactions are alone after one that had to be run again: where batches meet in the same aggregates, work
  // that is thrown away stays below a thirtieth.
  static constexpr int kAloneAfterLoss = 32;

  // Called once for each transaction that begins.
  LaneMode ModeFor(const AppendRequestList& batch, const std::set<int>& lanes) {
    if (lanes.size() < 2) return LaneMode::kAlone;  // its lane has one writer here; sharing would gain nothing
    for (const auto& request : batch) {
      if (!request->batch.checks.empty()) return LaneMode::kAlone;
    }
    if (alone_ == 0) return LaneMode::kShared;
    --alone_;
    return LaneMode::kAlone;
  }

  // A transaction that shared its lanes found a head moved, and is run again.
  void Lost() { alone_ = kAloneAfterLoss; }

 private:
  int alone_ = 0;  // how many more are alone
};

}  // namespace eventstore::storage
