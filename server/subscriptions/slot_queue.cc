#include "server/subscriptions/slot_queue.h"

#include <algorithm>
#include <utility>

namespace eventstore::subscriptions {

using State = Slot::State;

Slot& SlotQueue::Push(Slot slot) {
  slot.number = first_ + slots_.size();
  ++waiting_;
  slots_.push_back(std::move(slot));
  return slots_.back();
}

Slot* SlotQueue::Give(Slot& slot) {
  slot.state = State::kDelivered;
  --waiting_;
  return &slot;
}

void SlotQueue::TakeDue(domain::MonotonicTime now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    again_.insert(held_.at(due_.begin()->second).slots.front());
    due_.erase(due_.begin());
  }
}

Slot* SlotQueue::Next(domain::MonotonicTime now) {
  TakeDue(now);
  if (!again_.empty()) {
    Slot& slot = At(*again_.begin());
    again_.erase(again_.begin());
    return Give(slot);
  }
  while (cursor_ < first_ + slots_.size()) {
    Slot& slot = At(cursor_++);
    if (!held_.empty()) {
      const auto held = held_.find(slot.event->aggregate_id);
      if (held != held_.end()) {
        held->second.slots.push_back(slot.number);
        continue;
      }
    }
    return Give(slot);
  }
  return nullptr;
}

bool SlotQueue::MayHaveNext(domain::MonotonicTime now) const {
  return !again_.empty() || cursor_ < first_ + slots_.size() || (!due_.empty() && due_.begin()->first <= now);
}

std::optional<domain::MonotonicTime> SlotQueue::next_retry() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

void SlotQueue::Release(const domain::Uuid& aggregate) {
  const auto held = held_.find(aggregate);
  if (held == held_.end()) return;
  const auto [begin, end] = due_.equal_range(held->second.at);
  const auto due = std::find_if(begin, end, [&](const auto& entry) { return entry.second == aggregate; });
  if (due != end) due_.erase(due);
  held_.erase(held);
}

std::optional<domain::Position> SlotQueue::Settle(Slot& slot) {
  if (slot.state == State::kWaiting) {
    --waiting_;
    again_.erase(slot.number);
  }
  slot.state = State::kSettled;
  if (!held_.empty()) {
    const auto held = held_.find(slot.event->aggregate_id);
    if (held != held_.end() && held->second.slots.front() == slot.number) {
      again_.insert(held->second.slots.begin() + 1, held->second.slots.end());
      Release(slot.event->aggregate_id);
    }
  }
  slot.event.reset();
  std::optional<domain::Position> settled;
  while (!slots_.empty() && slots_.front().state == State::kSettled) {
    settled = slots_.front().position;
    slots_.pop_front();
    ++first_;
  }
  cursor_ = std::max(cursor_, first_);
  return settled;
}

void SlotQueue::Fail(Slot& slot, domain::MonotonicTime at, std::vector<Slot*>& taken_back) {
  const domain::Uuid aggregate = slot.event->aggregate_id;
  Release(aggregate);
  slot.state = State::kWaiting;
  ++waiting_;
  Held held;
  held.at = at;
  for (std::uint64_t number = slot.number; number < cursor_; ++number) {
    Slot& behind = At(number);
    if (behind.state == State::kSettled || behind.event->aggregate_id != aggregate) continue;
    again_.erase(number);
    held.slots.push_back(number);
    if (behind.state != State::kDelivered) continue;
    behind.state = State::kWaiting;
    ++waiting_;
    taken_back.push_back(&behind);
  }
  held_.emplace(aggregate, std::move(held));
  due_.emplace(at, aggregate);
}

}  // namespace eventstore::subscriptions
