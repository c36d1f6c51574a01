// GroupRuntime: its turns.
#include <algorithm>
#include <set>
#include <utility>

#include "server/domain/error.h"
#include "server/storage/sql_errors.h"
#include "server/subscriptions/group_runtime.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {

void GroupRuntime::Turn(storage::Session& session) {
  storage::GroupTurn turn;
  domain::MonotonicTime begun;
  {
    const std::scoped_lock lock(mutex_);
    turn = Prepare();
    begun = parts_.clock.Monotonic();
  }
  auto result = storage::Caught([&] { return storage::RunGroupTurn(session, turn); });
  // The connection had died unnoticed. Everything that is written may be written twice.
  if (!result.ok() && storage::IsConnectionLost(result.status())) {
    result = storage::Caught([&] { return storage::RunGroupTurn(session, turn); });
  }
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    if (result.ok()) {
      last_turn_ = begun;
      Apply(turn, *result);
      ReadReplays(std::move(result->replays));
    } else {
      ApplyFailure(turn, result.status());
    }
    ports = Woken();
  }
  Call(ports);
}

storage::GroupTurn GroupRuntime::Prepare() {
  storage::GroupTurn turn;
  turn.group = name_;
  turn.instance = parts_.instance;
  turn.generation = generation_;
  turn.left = left_;
  for (const auto& [member, entry] : entries_) {
    if (!entry.end) turn.own.push_back({member, entry.request.consumer_name, entry.leaving});
    // It ended here; its call only has to hear of it.
    if (entry.end && !entry.end->ok()) turn.left.push_back(member);
  }
  if (!dispatcher_) return turn;
  turn.writes = dispatcher_->Collect();
  std::set<int> released;
  for (const auto& place : turn.writes.places) {
    if (place.release) released.insert(place.bucket);
  }
  for (int bucket = 0; bucket < dispatcher_->buckets(); ++bucket) {
    if (dispatcher_->OwnerOf(bucket) && !released.contains(bucket)) turn.known.push_back(bucket);
  }
  if (replaying_) return turn;
  turn.known_replays.assign(dispatcher_->replays().begin(), dispatcher_->replays().end());
  turn.max_replays = dispatcher_->RoomForReplays();
  return turn;
}

void GroupRuntime::Apply(const storage::GroupTurn& turn, const storage::GroupTurnResult& result) {
  std::erase_if(left_, [&](const auto& member) { return std::ranges::find(turn.left, member) != turn.left.end(); });
  // It was ended meanwhile.
  if (!dispatcher_ && turn.generation != 0) return;
  if (dispatcher_ && dispatcher_->buckets() != static_cast<int>(result.buckets.size())) {
    return EndAll(
        domain::ErrorOf(domain::Reason::kDatabaseUnavailable, "the consumer group was made anew; join again"));
  }
  Follow(turn, result);
  for (const storage::OwnMember& member : turn.own) {
    const auto entry = entries_.find(member.id);
    if (entry == entries_.end() || std::exchange(entry->second.admitted, true)) continue;
    to_wake_.push_back(member.id);
  }
  Pump(parts_.clock.Monotonic());
}

void GroupRuntime::Follow(const storage::GroupTurn& turn, const storage::GroupTurnResult& result) {
  const auto buckets = static_cast<int>(result.buckets.size());
  if (!dispatcher_) {
    dispatcher_ = std::make_unique<GroupDispatcher>(result.settings, buckets);
    for (const auto& [member, entry] : entries_) {
      if (entry.end) continue;
      dispatcher_->Join(member, entry.request.max_in_flight);
      if (entry.leaving) dispatcher_->Leave(member);
    }
    ++revision_;
  } else if (generation_ != result.generation) {
    for (int bucket = 0; bucket < buckets; ++bucket) dispatcher_->Revoke(bucket);
    ++revision_;
  } else {
    dispatcher_->Written(result.fenced);
    for (const auto& park : turn.writes.parks) {
      if (result.fenced[static_cast<std::size_t>(park.event.bucket)]) ++parked_;
    }
  }
  generation_ = result.generation;
  if (dispatcher_->settings() != result.settings) {
    dispatcher_->Reconfigure(result.settings);
    ++revision_;
  }
  dispatcher_->Sync(result.buckets, result.failures, parts_.clock.Monotonic() + kReleasePause);
  if (dispatcher_->IsUrgent()) parts_.nudge();
}

void GroupRuntime::ApplyFailure(const storage::GroupTurn& turn, const absl::Status& status) {
  if (domain::FromStatus(status).reason == domain::Reason::kGroupNotFound) {
    EndAll(status);
    // They went with the group.
    left_.clear();
    return;
  }
  if (domain::FromStatus(status).reason == domain::Reason::kPositionAhead) return GoBackWithStore();
  spdlog::warn("consumer group {}: {}; trying again", name_, std::string(status.message()));
  if (dispatcher_) dispatcher_->Written({});
  for (const storage::OwnMember& member : turn.own) {
    const auto entry = entries_.find(member.id);
    if (entry == entries_.end() || entry->second.admitted || entry->second.end) continue;
    entry->second.end = status;
    to_wake_.push_back(member.id);
  }
}

}  // namespace eventstore::subscriptions
