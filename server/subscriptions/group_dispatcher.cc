#include "server/subscriptions/group_dispatcher.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "server/domain/bucket.h"
#include "server/domain/matching.h"
#include "server/subscriptions/group_dispatcher_state.h"

namespace eventstore::subscriptions {

using domain::Position;

GroupDispatcher::GroupDispatcher(domain::GroupSettings settings, int buckets)
    : settings_(std::move(settings)), buckets_(static_cast<std::size_t>(buckets)) {}

GroupDispatcher::~GroupDispatcher() = default;

GroupDispatcher::Bucket* GroupDispatcher::At(int bucket) const {
  const auto index = static_cast<std::size_t>(bucket);
  return index < buckets_.size() ? buckets_[index].get() : nullptr;
}

SlotQueue& GroupDispatcher::QueueOf(const Slot& slot) {
  Bucket& bucket = *buckets_[static_cast<std::size_t>(slot.bucket)];
  return slot.replayed ? bucket.replays : bucket.events;
}

void GroupDispatcher::Assign(int bucket, const MemberId& member, Position place, BucketFailures failures) {
  Consumer* consumer = Find(member);
  if (consumer == nullptr || static_cast<std::size_t>(bucket) >= buckets_.size()) return;
  auto added = std::make_unique<Bucket>();
  added->number = bucket;
  added->member = member;
  added->consumer = consumer;
  added->place = added->stored = added->had = place;
  added->failures = std::move(failures.by_position);
  buckets_[static_cast<std::size_t>(bucket)] = std::move(added);
  began_to_want_ = true;
}

std::optional<GroupDispatcher::MemberId> GroupDispatcher::OwnerOf(int bucket) const {
  const Bucket* found = At(bucket);
  if (found == nullptr) return std::nullopt;
  return found->member;
}

void GroupDispatcher::Release(int bucket, Time by) {
  Bucket* found = At(bucket);
  if (found == nullptr || found->releasing) return;
  found->releasing = true;
  found->release_by = by;
  LetGoIfDone(*found);
}

void GroupDispatcher::Keep(int bucket) {
  Bucket* found = At(bucket);
  if (found == nullptr || !found->releasing || found->let_go || found->consumer == nullptr ||
      found->consumer->leaving) {
    return;
  }
  found->releasing = false;
  began_to_want_ = true;
  List(*found);
}

void GroupDispatcher::Sync(std::span<const domain::BucketRow> rows,
                           const std::map<int, std::map<Position, int>>& failures, Time by) {
  for (int bucket = 0; bucket < static_cast<int>(rows.size()); ++bucket) {
    const domain::BucketRow& row = rows[static_cast<std::size_t>(bucket)];
    const auto held = OwnerOf(bucket);
    if (held && held != row.owner) {
      Revoke(bucket);
    } else if (held && row.wanted != row.owner) {
      Release(bucket, by);
    } else if (held) {
      Keep(bucket);
    } else if (row.owner && Find(*row.owner) != nullptr && !Find(*row.owner)->leaving) {
      const auto known = failures.find(bucket);
      Assign(bucket, *row.owner, row.position, {known == failures.end() ? decltype(known->second)() : known->second});
    }
  }
}

void GroupDispatcher::Revoke(int bucket) {
  Bucket* found = At(bucket);
  if (found == nullptr) return;
  TakeBack(*found);
  for (const auto& outcome : found->outcomes) replays_.erase(outcome.event_id);
  for (const auto& outcome : found->flying_outcomes) replays_.erase(outcome.event_id);
  if (found->consumer != nullptr) {
    std::erase(found->consumer->stopped, bucket);
    std::erase(found->consumer->ready, bucket);
  }
  buckets_[static_cast<std::size_t>(bucket)].reset();
}

// Everything that is not settled leaves the bucket, as if it had never come.
void GroupDispatcher::TakeBack(Bucket& bucket) {
  bucket.place = bucket.Place();
  bucket.had = bucket.place;
  const auto take = [&](Slot& slot) {
    if (slot.replayed) {
      replays_.erase(slot.event->id);
      replay_bytes_ -= slot.bytes;
    }
    if (bucket.consumer == nullptr) return;
    bucket.consumer->bytes -= slot.bytes;
    if (slot.state != Slot::State::kDelivered) return;
    bucket.consumer->taken_back.push_back(slot.delivery_id);
    Wake(*bucket.consumer);
    Unlink(slot);
  };
  bucket.events.ForEachUnsettled(take);
  bucket.replays.ForEachUnsettled(take);
  bucket.events = SlotQueue();
  bucket.replays = SlotQueue();
}

void GroupDispatcher::LetGo(Bucket& bucket) {
  TakeBack(bucket);
  bucket.releasing = true;
  bucket.let_go = true;
}

void GroupDispatcher::LetGoIfDone(Bucket& bucket) {
  if (bucket.releasing && !bucket.let_go && bucket.open == 0) LetGo(bucket);
}

void GroupDispatcher::Reconfigure(domain::GroupSettings settings) {
  settings_ = std::move(settings);
  for (const auto& bucket : buckets_) {
    if (!bucket || bucket->let_go) continue;
    TakeBack(*bucket);
    if (bucket->consumer != nullptr) std::erase(bucket->consumer->stopped, bucket->number);
    bucket->stopped = false;
    LetGoIfDone(*bucket);
  }
  began_to_want_ = true;
}

bool GroupDispatcher::IsFull(const Bucket& bucket) const {
  return bucket.events.size() >= kBucketWindow || bucket.consumer->bytes >= kConsumerBytes;
}

void GroupDispatcher::MakeRoom(Consumer& consumer) {
  if (consumer.stopped.empty() || consumer.bytes > kConsumerBytes / 2) return;
  std::erase_if(consumer.stopped, [&](int number) {
    Bucket* bucket = At(number);
    if (bucket == nullptr || bucket->consumer != &consumer) return true;
    if (bucket->events.size() > kBucketWindow / 2) return false;
    bucket->stopped = false;
    began_to_want_ = true;
    return true;
  });
}

void GroupDispatcher::Push(Bucket& bucket, EventPtr event, int failures, bool replayed) {
  Slot slot;
  slot.position = event->global_position;
  slot.bytes = kEventOverhead + event->data.size() + event->metadata.size();
  slot.bucket = bucket.number;
  slot.failures = failures;
  slot.replayed = replayed;
  slot.event = std::move(event);
  bucket.consumer->bytes += slot.bytes;
  if (replayed) replay_bytes_ += slot.bytes;
  (replayed ? bucket.replays : bucket.events).Push(std::move(slot));
  List(bucket);
}

template <typename Event>
void GroupDispatcher::OfferAll(Position after, Position upto, std::span<Event> events) {
  const int count = static_cast<int>(buckets_.size());
  for (Event& event : events) {
    Bucket* bucket = At(domain::BucketOf(event.aggregate_id, count));
    if (bucket == nullptr || bucket->stopped || bucket->releasing || bucket->had < after ||
        event.global_position <= bucket->had) {
      continue;
    }
    if (std::is_const_v<Event> && !domain::Matches(settings_.filter, event)) continue;
    if (IsFull(*bucket)) {
      bucket->stopped = true;
      bucket->consumer->stopped.push_back(bucket->number);
      continue;
    }
    if (bucket->events.size() == 0) bucket->place = bucket->had;
    bucket->had = event.global_position;
    int failures = 0;
    if (!bucket->failures.empty()) {
      const auto known = bucket->failures.find(event.global_position);
      if (known != bucket->failures.end()) failures = known->second;
    }
    // A copy where it belongs to others: a page of the tail that one slow consumer kept would be a page for each.
    Push(*bucket, std::make_shared<const domain::RecordedEvent>(std::move(event)), failures, false);
  }
  for (const auto& bucket : buckets_) {
    if (!bucket || bucket->stopped || bucket->releasing || bucket->had < after) continue;
    bucket->had = std::max(bucket->had, upto);
  }
}

void GroupDispatcher::Offer(Position after, Position upto, std::span<domain::RecordedEvent> events) {
  OfferAll(after, upto, events);
}

void GroupDispatcher::OfferShared(Position after, Position upto, std::span<const domain::RecordedEvent> events) {
  OfferAll(after, upto, events);
}

std::optional<Position> GroupDispatcher::LeastWanted(Position from, Position end) const {
  std::optional<Position> least;
  for (const auto& bucket : buckets_) {
    if (!bucket || bucket->stopped || bucket->releasing || bucket->had < from || bucket->had >= end) continue;
    if (!least || bucket->had < *least) least = bucket->had;
  }
  return least;
}

void GroupDispatcher::Replay(int bucket, EventPtr event, int failures) {
  Bucket* found = At(bucket);
  if (found == nullptr || found->releasing || !replays_.insert(event->id).second) return;
  Push(*found, std::move(event), failures, true);
}

std::size_t GroupDispatcher::RoomForReplays() const {
  return replay_bytes_ >= kReplayBytes || replays_.size() >= kReplays ? 0 : kReplays - replays_.size();
}

domain::GroupWrites GroupDispatcher::Collect() {
  domain::GroupWrites writes;
  for (const auto& owned : buckets_) {
    if (!owned || owned->flying || !owned->IsDirty()) continue;
    Bucket& bucket = *owned;
    bucket.flying = true;
    bucket.flying_release = bucket.let_go;
    bucket.flying_place = bucket.Place();
    bucket.flying_parks = std::exchange(bucket.parks, {});
    bucket.flying_attempts = std::exchange(bucket.attempts, {});
    bucket.flying_outcomes = std::exchange(bucket.outcomes, {});
    writes.places.push_back({bucket.number, bucket.member, bucket.flying_place, bucket.flying_release});
    writes.parks.insert(writes.parks.end(), bucket.flying_parks.begin(), bucket.flying_parks.end());
    writes.replays.insert(writes.replays.end(), bucket.flying_outcomes.begin(), bucket.flying_outcomes.end());
    for (const auto& [position, failures] : bucket.flying_attempts) {
      if (position > bucket.flying_place) writes.attempts.push_back({bucket.number, position, failures});
    }
  }
  return writes;
}

void GroupDispatcher::Written(const std::vector<bool>& fenced) {
  for (const auto& owned : buckets_) {
    if (!owned || !owned->flying) continue;
    Bucket& bucket = *owned;
    bucket.flying = false;
    if (fenced.empty()) {
      bucket.parks.insert(bucket.parks.begin(), std::make_move_iterator(bucket.flying_parks.begin()),
                          std::make_move_iterator(bucket.flying_parks.end()));
      bucket.outcomes.insert(bucket.outcomes.begin(), std::make_move_iterator(bucket.flying_outcomes.begin()),
                             std::make_move_iterator(bucket.flying_outcomes.end()));
      bucket.attempts.insert(bucket.flying_attempts.begin(), bucket.flying_attempts.end());
    } else if (!fenced[static_cast<std::size_t>(bucket.number)] || bucket.flying_release) {
      Revoke(bucket.number);
      continue;
    } else {
      bucket.stored = bucket.flying_place;
      bucket.failures.erase(bucket.failures.begin(), bucket.failures.upper_bound(bucket.stored));
      for (const auto& outcome : bucket.flying_outcomes) {
        if (outcome.outcome != domain::ReplayWrite::Outcome::kFailed) replays_.erase(outcome.event_id);
      }
    }
    bucket.flying_parks.clear();
    bucket.flying_attempts.clear();
    bucket.flying_outcomes.clear();
  }
}

bool GroupDispatcher::HasWrites() const {
  return std::ranges::any_of(buckets_, [](const auto& bucket) { return bucket && bucket->IsDirty(); });
}

bool GroupDispatcher::IsUrgent() const {
  return std::ranges::any_of(buckets_, [](const auto& bucket) { return bucket && bucket->let_go; });
}

}  // namespace eventstore::subscriptions
