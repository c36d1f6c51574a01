// The events of one bucket that a consumer is to handle, in order, each until it is settled. Pure.
//
// Events of an aggregate are given out one behind the other without waiting for answers. When one fails, those behind it
// are taken back; after the pause it comes again, alone, and when it is settled the others follow.
//
// A slot keeps its place in memory until it and all before it are settled.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/domain/clock.h"
#include "server/domain/event.h"

namespace eventstore::subscriptions {

using EventPtr = std::shared_ptr<const domain::RecordedEvent>;

struct Slot {
  enum class State : std::uint8_t { kWaiting, kDelivered, kSettled };
  EventPtr event;  // until it is settled
  domain::Position position = 0;
  std::uint64_t number = 0;  // in its queue
  std::size_t bytes = 0;
  int bucket = 0;
  int failures = 0;
  State state = State::kWaiting;
  bool replayed = false;
  // While it is delivered: among those that its consumer has not answered, by the order of delivery.
  std::int64_t delivery_id = 0;
  Slot* older = nullptr;
  Slot* newer = nullptr;
};

class SlotQueue {
 public:
  // Stays where it is until it is settled and at the front.
  Slot& Push(Slot slot);
  // The next one that may be given out, now delivered; nullptr: none.
  Slot* Next(domain::MonotonicTime now);
  // Whether Next() may have one.
  bool MayHaveNext(domain::MonotonicTime now) const;
  // Done with, however that came. Returns the position up to which everything is settled, if that has moved.
  std::optional<domain::Position> Settle(Slot& slot);
  // A delivered one comes again at `at`. Those of its aggregate behind it that are delivered as well are waiting now;
  // they are added to `taken_back`.
  void Fail(Slot& slot, domain::MonotonicTime at, std::vector<Slot*>& taken_back);

  // Slots held, settled ones behind an unsettled one included.
  std::size_t size() const { return slots_.size(); }
  std::size_t waiting() const { return waiting_; }
  std::optional<domain::MonotonicTime> next_retry() const;

  template <typename Visit>
  void ForEachUnsettled(Visit visit) {
    for (Slot& slot : slots_) {
      if (slot.state != Slot::State::kSettled) visit(slot);
    }
  }

 private:
  // An aggregate of which one has failed.
  struct Held {
    std::deque<std::uint64_t> slots;  // the one that failed, then what is behind it, as far as the cursor has come
    domain::MonotonicTime at;         // when it comes again
  };

  Slot& At(std::uint64_t number) { return slots_[number - first_]; }
  void Release(const domain::Uuid& aggregate);
  void TakeDue(domain::MonotonicTime now);
  Slot* Give(Slot& slot);

  std::deque<Slot> slots_;
  std::uint64_t first_ = 0;        // the number of slots_.front()
  std::uint64_t cursor_ = 0;       // the first number that was never looked at
  std::size_t waiting_ = 0;        // slots in this state
  std::set<std::uint64_t> again_;  // may be given out, before what the cursor is at
  absl::flat_hash_map<domain::Uuid, Held, domain::UuidHash> held_;
  std::multimap<domain::MonotonicTime, domain::Uuid> due_;
};

}  // namespace eventstore::subscriptions
