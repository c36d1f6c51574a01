// Sees to it that there are chunks for events of long ago, before they are written: those that an engine wants made ahead,
// and chunks of another length than the store's own, since ten sparse years need not be 3,650 days. The store's interval
// is as it was outside of the transaction that makes them, so appends that go on meanwhile have their days, and a kill
// leaves nothing to set back.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "absl/status/status.h"
#include "server/domain/time.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/partitions.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Shared by those who write to one store at the same time: the second one finds what the first has made. Thread-safe.
class ChunkMaker {
 public:
  // `interval`, in microseconds: of the chunks it makes for times before today (UTC), counted from 1970 and cut where others
  // begin; not where one would reach into today. 0: the store's own, for all times.
  explicit ChunkMaker(domain::TimeMicros interval) : interval_(interval) {}

  // One for each of `times`, ascending, that has none. What it does not make comes with its insert. `session` is the
  // caller's, and not in a transaction.
  absl::Status Make(Session& session, const Partitions& partitions, std::span<const domain::TimeMicros> times);

  // Somebody dropped one: looks again.
  void Forget();

 private:
  absl::Status MakeLong(Session& session, const Partitions& partitions,
                        std::span<const domain::TimeMicros> missing) const;
  bool Has(domain::TimeMicros time) const;

  const domain::TimeMicros interval_;
  std::mutex mutex_;  // held while something is made
  ChunkCatalog catalog_;
  std::shared_ptr<const ChunkList> known_;
};

}  // namespace eventstore::storage
