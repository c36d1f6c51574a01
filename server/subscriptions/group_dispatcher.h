// Deals out the events of one group to the consumers of this process, and knows what has to be kept of their answers. A
// state machine: time, events, answers and buckets go in; deliveries and writes come out. Pure, and used by one thread at
// a time.
//
// A bucket takes events while it holds fewer than kBucketWindow beyond its place and its consumer fewer than
// kConsumerBytes. One that is full refuses and takes no more until it is half empty again; what it refused has to be
// offered again, from `LeastWanted` on. So each bucket knows by itself what it has had, and no bucket waits for another.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "server/domain/clock.h"
#include "server/domain/consumer_group.h"
#include "server/domain/group_writes.h"
#include "server/subscriptions/slot_queue.h"

namespace eventstore::subscriptions {

inline constexpr std::size_t kBucketWindow = 1'000;
inline constexpr std::size_t kConsumerBytes = std::size_t{16} << 20;
inline constexpr std::size_t kReplays = 500;
inline constexpr std::size_t kReplayBytes = std::size_t{4} << 20;
// What an unsettled event counts beside its data and metadata.
inline constexpr std::size_t kEventOverhead = 640;
// When a bucket shall go to another consumer, the present one has so long to answer.
inline constexpr std::chrono::milliseconds kReleasePause{1'000};

struct Delivery {
  std::int64_t id = 0;
  EventPtr event;
  int attempt = 0;
  int bucket = 0;
  domain::Position settled = 0;  // stored, so that it stays so
  bool replayed = false;
};

struct DeliveryBatch {
  std::vector<Delivery> deliveries;
  std::vector<std::int64_t> taken_back;

  bool empty() const { return deliveries.empty() && taken_back.empty(); }
};

struct BucketFailures {
  std::map<domain::Position, int> by_position;
};

class GroupDispatcher {
 public:
  using Time = domain::MonotonicTime;
  using MemberId = domain::Uuid;

  GroupDispatcher(domain::GroupSettings settings, int buckets);
  ~GroupDispatcher();

  // Consumers.
  void Join(const MemberId& member, int max_in_flight);
  // Nothing more is delivered to it.
  void Leave(const MemberId& member);
  // A leaving one owes no answer any more.
  bool HasLeft(const MemberId& member) const;
  // It is gone; `failed`: what it was working at counts as one failed attempt.
  void Drop(const MemberId& member, bool failed, Time now);
  DeliveryBatch Take(const MemberId& member, Time now);
  void Ack(const MemberId& member, std::span<const std::int64_t> ids, Time now);
  void Nack(const MemberId& member, std::span<const std::int64_t> ids, domain::NackAction action,
            const std::string& reason, Time now);
  void Tick(Time now);

  // Buckets.
  void Assign(int bucket, const MemberId& member, domain::Position place, BucketFailures failures);
  // Lets go of it once its deliveries are answered, or taken back at `by`.
  void Release(int bucket, Time by);
  // It goes on with a bucket that it was to let go of, unless it has.
  void Keep(int bucket);
  // Follows what the database says of all buckets: `failures` are those of buckets that come. What is to go to another
  // member has until `by`.
  void Sync(std::span<const domain::BucketRow> rows, const std::map<int, std::map<domain::Position, int>>& failures,
            Time by);
  // It was lost: nothing about it is to be written.
  void Revoke(int bucket);
  std::optional<MemberId> OwnerOf(int bucket) const;
  int buckets() const { return static_cast<int>(buckets_.size()); }
  // Everything that was not answered comes again, by the new settings.
  void Reconfigure(domain::GroupSettings settings);
  const domain::GroupSettings& settings() const { return settings_; }

  // Events. All that match after `after`, up to `upto`; moved from. Buckets that have not had everything up to `after`
  // leave them.
  void Offer(domain::Position after, domain::Position upto, std::span<domain::RecordedEvent> events);
  // The same of events that belong to others, matching or not.
  void OfferShared(domain::Position after, domain::Position upto, std::span<const domain::RecordedEvent> events);
  // The least position that a bucket with room is at, at or after `from` and before `end`.
  std::optional<domain::Position> LeastWanted(domain::Position from, domain::Position end) const;
  // Whether a bucket began to want since this was last asked.
  bool BeganToWant() { return std::exchange(began_to_want_, false); }

  // A parked one that is to be delivered again; `failures` since that was asked for.
  void Replay(int bucket, EventPtr event, int failures);
  // What Replay() was given and is not written yet.
  const absl::flat_hash_set<domain::Uuid, domain::UuidHash>& replays() const { return replays_; }
  // How many more it should be given.
  std::size_t RoomForReplays() const;

  // What is to be written now. Until Written() says what came of it, nothing is collected.
  domain::GroupWrites Collect();
  // By bucket, whether its writes count; empty: nothing was written.
  void Written(const std::vector<bool>& fenced);
  bool HasWrites() const;
  // Whether something should be written before the next turn is due.
  bool IsUrgent() const;

  // Consumers that something came for since the last call.
  std::vector<MemberId> TakeWoken() { return std::exchange(woken_, {}); }

 private:
  struct Consumer;
  struct Bucket;

  Consumer* Find(const MemberId& member) const;
  Bucket* At(int bucket) const;
  SlotQueue& QueueOf(const Slot& slot);
  void Wake(Consumer& consumer);
  void List(Bucket& bucket);
  void Link(Consumer& consumer, Slot& slot);
  void Unlink(Slot& slot);
  void Settle(Slot& slot);
  void Park(Slot& slot, const std::string& reason);
  // `tell`: the consumer does not know that it failed.
  void Fail(Consumer& consumer, Slot& slot, const std::string& reason, bool tell);
  void CountFailure(Bucket& bucket, Slot& slot) const;
  void TakeBack(Bucket& bucket);
  void LetGo(Bucket& bucket);
  void LetGoIfDone(Bucket& bucket);
  void MakeRoom(Consumer& consumer);
  bool IsFull(const Bucket& bucket) const;
  template <typename Event>
  void OfferAll(domain::Position after, domain::Position upto, std::span<Event> events);
  void Push(Bucket& bucket, EventPtr event, int failures, bool replayed);

  domain::GroupSettings settings_;
  std::vector<std::unique_ptr<Bucket>> buckets_;
  absl::flat_hash_map<MemberId, std::unique_ptr<Consumer>, domain::UuidHash> consumers_;
  absl::flat_hash_set<domain::Uuid, domain::UuidHash> replays_;
  std::size_t replay_bytes_ = 0;  // of those that are not settled
  std::vector<MemberId> woken_;
  bool began_to_want_ = false;
  Time now_;  // of the last call that said it
};

}  // namespace eventstore::subscriptions
