#include "server/subscriptions/group_feed.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "server/storage/subscription_start.h"

namespace eventstore::subscriptions {
namespace {

using domain::Position;

constexpr Position kEnd = std::numeric_limits<Position>::max();
// When a read failed, or found nothing where something was looked for.
constexpr std::chrono::milliseconds kPause{200};

}  // namespace

void GroupFeed::TakeFromTail(GroupDispatcher& dispatcher) const {
  const auto begin = tail_.Begin();
  if (!begin) return;
  const auto from = dispatcher.LeastWanted(*begin, kEnd);
  if (!from) return;
  const auto following = tail_.After(*from);
  if (!following.covered) return;
  for (const auto& page : following.pages) dispatcher.OfferShared(page->after, page->upto, page->events);
}

std::optional<Position> GroupFeed::WantsPage(const GroupDispatcher& dispatcher, domain::MonotonicTime now) const {
  if (now < not_before_) return std::nullopt;
  // Before the tail has begun, everything is read from the database, again and again with a pause.
  return dispatcher.LeastWanted(0, tail_.Begin().value_or(kEnd));
}

void GroupFeed::TakePage(GroupDispatcher& dispatcher, absl::StatusOr<FeedPage> page, domain::MonotonicTime now) {
  if (!page.ok()) {
    not_before_ = now + kPause;
    return;
  }
  if (page->last && page->events.empty()) not_before_ = now + kPause;
  dispatcher.Offer(page->after, page->upto, page->events);
}

absl::StatusOr<FeedPage> GroupFeed::Read(storage::Session& session, const domain::EventFilter& filter, Position after,
                                         bool anew) {
  if (!cursor_ || anew || at_ != after) {
    cursor_.reset();
    auto settled = storage::ReadWithRetries(chunks_, [&] { return storage::ReadSettled(session, chunks_); });
    if (!settled.ok()) return settled.status();
    end_ = settled->last;
    cursor_ = std::make_unique<storage::PositionCursor>(filter, after, settled->horizon, chunks_);
  }
  auto read = storage::NextPage(*cursor_, session, chunks_);
  if (!read.ok()) {
    cursor_.reset();
    return read.status();
  }
  FeedPage page;
  page.after = after;
  page.upto = read->events.empty() ? after : read->events.back().global_position;
  page.last = read->last;
  // Where nothing matches any more, the place may be that of the last event there is.
  if (page.last) page.upto = std::max(page.upto, end_);
  page.events = std::move(read->events);
  at_ = page.upto;
  if (page.last) cursor_.reset();
  return page;
}

}  // namespace eventstore::subscriptions
