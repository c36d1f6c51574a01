// GroupDispatcher: what its consumers get and answer.
#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/subscriptions/group_dispatcher_state.h"

namespace eventstore::subscriptions {
namespace {

// Events of one bucket behind each other in a batch before it is the turn of the next.
constexpr int kRun = 64;

domain::ParkedRef RefOf(const Slot& slot) {
  return {slot.event->id, slot.position, slot.event->timestamp, slot.event->aggregate_id, slot.bucket};
}

}  // namespace

GroupDispatcher::Consumer* GroupDispatcher::Find(const MemberId& member) const {
  const auto found = consumers_.find(member);
  return found == consumers_.end() ? nullptr : found->second.get();
}

void GroupDispatcher::Join(const MemberId& member, int max_in_flight) {
  auto consumer = std::make_unique<Consumer>();
  consumer->id = member;
  consumer->max_in_flight = max_in_flight;
  consumers_[member] = std::move(consumer);
}

void GroupDispatcher::Leave(const MemberId& member) {
  Consumer* consumer = Find(member);
  if (consumer == nullptr || consumer->leaving) return;
  consumer->leaving = true;
  for (const auto& bucket : buckets_) {
    if (!bucket || bucket->consumer != consumer) continue;
    // Until its time to answer has passed: Tick().
    bucket->releasing = true;
    bucket->release_by = Time::max();
    LetGoIfDone(*bucket);
  }
}

bool GroupDispatcher::HasLeft(const MemberId& member) const {
  const Consumer* consumer = Find(member);
  return consumer != nullptr && consumer->leaving && consumer->open.empty();
}

void GroupDispatcher::Drop(const MemberId& member, bool failed, Time now) {
  now_ = now;
  Consumer* consumer = Find(member);
  if (consumer == nullptr) return;
  // The others in its queue it had not begun.
  if (failed && consumer->oldest != nullptr) {
    Fail(*consumer, *consumer->oldest, "the consumer went away without an answer", false);
  }
  for (const auto& bucket : buckets_) {
    if (!bucket || bucket->consumer != consumer) continue;
    LetGo(*bucket);
    bucket->consumer = nullptr;
  }
  consumers_.erase(member);
}

void GroupDispatcher::Wake(Consumer& consumer) {
  if (std::exchange(consumer.woken, true)) return;
  woken_.push_back(consumer.id);
}

void GroupDispatcher::List(Bucket& bucket) {
  if (bucket.releasing || bucket.consumer == nullptr) return;
  if (!std::exchange(bucket.listed, true)) bucket.consumer->ready.push_back(bucket.number);
  if (bucket.consumer->open.size() < static_cast<std::size_t>(bucket.consumer->max_in_flight)) Wake(*bucket.consumer);
}

void GroupDispatcher::Link(Consumer& consumer, Slot& slot) {
  slot.delivery_id = ++consumer.last_delivery;
  slot.older = consumer.newest;
  slot.newer = nullptr;
  if (consumer.newest != nullptr) {
    consumer.newest->newer = &slot;
  } else {
    consumer.oldest = &slot;
    consumer.oldest_since = now_;
  }
  consumer.newest = &slot;
  consumer.open.emplace(slot.delivery_id, &slot);
  ++buckets_[static_cast<std::size_t>(slot.bucket)]->open;
}

void GroupDispatcher::Unlink(Slot& slot) {
  Bucket& bucket = *buckets_[static_cast<std::size_t>(slot.bucket)];
  Consumer& consumer = *bucket.consumer;
  --bucket.open;
  consumer.open.erase(slot.delivery_id);
  if (slot.older != nullptr) {
    slot.older->newer = slot.newer;
  } else {
    consumer.oldest = slot.newer;
    consumer.oldest_since = now_;
  }
  (slot.newer != nullptr ? slot.newer->older : consumer.newest) = slot.older;
  slot.older = slot.newer = nullptr;
  // There is room for another one.
  if (!consumer.ready.empty() && !consumer.leaving) Wake(consumer);
}

DeliveryBatch GroupDispatcher::Take(const MemberId& member, Time now) {
  now_ = now;
  DeliveryBatch batch;
  Consumer* consumer = Find(member);
  if (consumer == nullptr) return batch;
  consumer->woken = false;
  batch.taken_back = std::exchange(consumer->taken_back, {});
  std::size_t bytes = 0;
  int run = 0;
  while (!consumer->leaving && !consumer->ready.empty() &&
         consumer->open.size() < static_cast<std::size_t>(consumer->max_in_flight) &&
         batch.deliveries.size() < domain::kMaxPageEvents && bytes < domain::kMaxPageBytes) {
    const int number = consumer->ready.front();
    Bucket* bucket = At(number);
    Slot* slot = nullptr;
    if (bucket != nullptr && bucket->consumer == consumer && !bucket->releasing) {
      slot = bucket->replays.Next(now);
      if (slot == nullptr) slot = bucket->events.Next(now);
    }
    if (slot == nullptr) {
      if (bucket != nullptr && bucket->consumer == consumer) bucket->listed = false;
      consumer->ready.pop_front();
      run = 0;
      continue;
    }
    Link(*consumer, *slot);
    bytes += slot->bytes - kEventOverhead;
    batch.deliveries.push_back(
        {slot->delivery_id, slot->event, slot->failures + 1, number, bucket->stored, slot->replayed});
    if (++run < kRun) continue;
    consumer->ready.pop_front();
    consumer->ready.push_back(number);
    run = 0;
  }
  return batch;
}

void GroupDispatcher::Settle(Slot& slot) {
  Bucket& bucket = *buckets_[static_cast<std::size_t>(slot.bucket)];
  bucket.consumer->bytes -= slot.bytes;
  if (slot.replayed) {
    replay_bytes_ -= slot.bytes;
    bucket.replays.Settle(slot);
  } else if (const auto place = bucket.events.Settle(slot)) {
    bucket.place = *place;
  }
  // What was held behind it may follow now.
  if (!bucket.listed && (bucket.events.MayHaveNext(now_) || bucket.replays.MayHaveNext(now_))) List(bucket);
}

void GroupDispatcher::Ack(const MemberId& member, std::span<const std::int64_t> ids, Time now) {
  now_ = now;
  Consumer* consumer = Find(member);
  if (consumer == nullptr) return;
  for (const std::int64_t id : ids) {
    const auto found = consumer->open.find(id);
    if (found == consumer->open.end()) continue;
    Slot& slot = *found->second;
    Bucket& bucket = *At(slot.bucket);
    Unlink(slot);
    if (slot.replayed) {
      bucket.outcomes.push_back(
          {slot.bucket, slot.event->id, domain::ReplayWrite::Outcome::kSettled, {}, slot.failures});
    }
    Settle(slot);
    LetGoIfDone(bucket);
  }
  MakeRoom(*consumer);
}

void GroupDispatcher::Nack(const MemberId& member, std::span<const std::int64_t> ids, domain::NackAction action,
                           const std::string& reason, Time now) {
  if (action == domain::NackAction::kSkip) return Ack(member, ids, now);
  now_ = now;
  Consumer* consumer = Find(member);
  if (consumer == nullptr) return;
  for (const std::int64_t id : ids) {
    const auto found = consumer->open.find(id);
    if (found == consumer->open.end()) continue;
    Slot& slot = *found->second;
    Bucket& bucket = *At(slot.bucket);
    if (action == domain::NackAction::kPark) {
      Unlink(slot);
      ++slot.failures;
      Park(slot, reason);
    } else {
      Fail(*consumer, slot, reason, false);
    }
    LetGoIfDone(bucket);
  }
  MakeRoom(*consumer);
}

void GroupDispatcher::Park(Slot& slot, const std::string& reason) {
  Bucket& bucket = *At(slot.bucket);
  if (slot.replayed) {
    bucket.outcomes.push_back(
        {slot.bucket, slot.event->id, domain::ReplayWrite::Outcome::kParkedAgain, reason, slot.failures});
  } else {
    bucket.parks.push_back({RefOf(slot), reason, slot.failures});
    bucket.failures.erase(slot.position);
    bucket.attempts.erase(slot.position);
  }
  Settle(slot);
}

void GroupDispatcher::CountFailure(Bucket& bucket, Slot& slot) const {
  ++slot.failures;
  if (slot.failures >= settings_.max_deliveries) return;
  if (slot.replayed) {
    bucket.outcomes.push_back({slot.bucket, slot.event->id, domain::ReplayWrite::Outcome::kFailed, {}, slot.failures});
  } else {
    bucket.failures[slot.position] = slot.failures;
    bucket.attempts[slot.position] = slot.failures;
  }
}

void GroupDispatcher::Fail(Consumer& consumer, Slot& slot, const std::string& reason, bool tell) {
  Bucket& bucket = *At(slot.bucket);
  if (tell) {
    consumer.taken_back.push_back(slot.delivery_id);
    Wake(consumer);
  }
  Unlink(slot);
  CountFailure(bucket, slot);
  if (slot.failures >= settings_.max_deliveries) {
    Park(slot, reason.empty() ? fmt::format("failed {} times", slot.failures) : reason);
    return;
  }
  std::vector<Slot*> taken_back;
  QueueOf(slot).Fail(slot, now_ + domain::PauseAfter(settings_, slot.failures), taken_back);
  for (Slot* behind : taken_back) {
    consumer.taken_back.push_back(behind->delivery_id);
    Unlink(*behind);
    Wake(consumer);
  }
}

void GroupDispatcher::Tick(Time now) {
  now_ = now;
  const std::string late = fmt::format("no answer within {} ms", settings_.ack_timeout.count());
  for (const auto& [id, owned] : consumers_) {
    Consumer& consumer = *owned;
    if (consumer.oldest == nullptr || now - consumer.oldest_since < settings_.ack_timeout) continue;
    Bucket& bucket = *At(consumer.oldest->bucket);
    Fail(consumer, *consumer.oldest, late, true);
    LetGoIfDone(bucket);
    if (!consumer.leaving) continue;
    for (const auto& other : buckets_) {
      if (other && other->consumer == &consumer && !other->let_go) LetGo(*other);
    }
  }
  for (const auto& owned : buckets_) {
    if (!owned || owned->let_go || owned->consumer == nullptr) continue;
    if (owned->releasing) {
      if (now >= owned->release_by) LetGo(*owned);
    } else if (!owned->listed && (owned->events.MayHaveNext(now) || owned->replays.MayHaveNext(now))) {
      List(*owned);
    }
  }
  for (const auto& [id, consumer] : consumers_) MakeRoom(*consumer);
}

}  // namespace eventstore::subscriptions
