// The newest events of the store, in pages without a gap between them: page n + 1 begins where page n ends. Bounded in
// bytes; what is older has to be read from the database.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "server/domain/event.h"

namespace eventstore::subscriptions {

// All events after `after`, up to and including `upto`, in the order of positions; at least one.
struct TailPage {
  domain::Position after = 0;
  domain::Position upto = 0;  // the last one's
  std::vector<domain::RecordedEvent> events;
  std::size_t bytes = 0;
};

using TailPages = std::vector<std::shared_ptr<const TailPage>>;

class TailWindow {
 public:
  explicit TailWindow(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Empties it; the next page begins at `position`.
  void Restart(domain::Position position);
  // Its `after` has to be end().
  void Add(TailPage page);

  domain::Position begin() const { return pages_.empty() ? end_ : pages_.front()->after; }
  domain::Position end() const { return end_; }
  // Whether what comes after `position` is here, all of it.
  bool Covers(domain::Position position) const { return position >= begin(); }
  // The pages with what comes after `position`, which is covered; the first may begin before it.
  TailPages After(domain::Position position) const;

 private:
  const std::size_t max_bytes_;
  std::deque<std::shared_ptr<const TailPage>> pages_;
  std::size_t bytes_ = 0;
  domain::Position end_ = 0;
};

}  // namespace eventstore::subscriptions
