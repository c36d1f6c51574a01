// Brings the events of a group to its dispatcher: from the tail where that has them, by pages from the database where a
// bucket is further behind. The two do not wait for each other.
//
// Not thread-safe but for Read(), which may run beside the rest, one at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/cursor_position.h"
#include "server/subscriptions/group_dispatcher.h"
#include "server/subscriptions/tail.h"

namespace eventstore::subscriptions {

struct FeedPage {
  domain::Position after = 0;
  domain::Position upto = 0;
  std::vector<domain::RecordedEvent> events;
  bool last = false;  // it ends where the store ended when the read began
};

class GroupFeed {
 public:
  GroupFeed(const Tail& tail, storage::ChunkCatalog& chunks) : tail_(tail), chunks_(chunks) {}

  void TakeFromTail(GroupDispatcher& dispatcher) const;
  // Where the next page from the database should begin; nullopt: none is needed.
  std::optional<domain::Position> WantsPage(const GroupDispatcher& dispatcher, domain::MonotonicTime now) const;
  // A page that Read() gave, or that it failed.
  void TakePage(GroupDispatcher& dispatcher, absl::StatusOr<FeedPage> page, domain::MonotonicTime now);

  // On a thread of the reading pool. `filter` may differ from the last call's only with `anew`.
  absl::StatusOr<FeedPage> Read(storage::Session& session, const domain::EventFilter& filter, domain::Position after,
                                bool anew);

 private:
  const Tail& tail_;
  storage::ChunkCatalog& chunks_;
  domain::MonotonicTime not_before_;
  // Of Read().
  std::unique_ptr<storage::PositionCursor> cursor_;
  domain::Position at_ = 0;   // where cursor_ goes on
  domain::Position end_ = 0;  // the greatest position that it may come across
};

}  // namespace eventstore::subscriptions
