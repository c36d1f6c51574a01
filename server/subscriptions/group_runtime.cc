#include "server/subscriptions/group_runtime.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/group_parked.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {
namespace {

constexpr std::chrono::seconds kReadDeadline{30};
// Consumers look at the time so often, for their heartbeats.
constexpr std::chrono::milliseconds kLook{500};

absl::Status LostLease(const std::string& name) {
  domain::Error error;
  error.reason = domain::Reason::kDatabaseUnavailable;
  error.message = fmt::format(
      "this server could not tell the database for {} s that consumer group {} has consumers here, so others may have "
      "its events by now; join again",
      kOwnLease.count() / 1000, name);
  error.retry_after_ms = 1'000;
  return domain::ToStatus(error);
}

// Not the subscriber's POSITION_AHEAD: a consumer has no place of its own that could be ahead. The group's is in the database,
// went back with it, and is where whoever joins again goes on.
absl::Status LostStore(const std::string& name) {
  domain::Error error;
  error.reason = domain::Reason::kDatabaseUnavailable;
  error.message = fmt::format(
      "the store is in an earlier state than it was, and consumer group {} goes on from its place in it; join again",
      name);
  error.retry_after_ms = 1'000;
  return domain::ToStatus(error);
}

}  // namespace

GroupRuntime::GroupRuntime(std::string name, GroupParts parts)
    : name_(std::move(name)),
      parts_(std::move(parts)),
      feed_(parts_.tail, parts_.chunks),
      last_turn_(parts_.clock.Monotonic()) {}

void GroupRuntime::Call(const Ports& ports) {
  for (const auto& port : ports) port->OnWork();
}

GroupRuntime::Ports GroupRuntime::Woken() {
  Ports ports;
  const auto add = [&](const domain::Uuid& member) {
    const auto entry = entries_.find(member);
    if (entry == entries_.end()) return;
    if (auto port = entry->second.port.lock()) ports.push_back(std::move(port));
  };
  if (dispatcher_) {
    for (const auto& member : dispatcher_->TakeWoken()) add(member);
  }
  for (const auto& member : std::exchange(to_wake_, {})) add(member);
  return ports;
}

void GroupRuntime::Join(const domain::Uuid& member, const domain::JoinRequest& request,
                        std::weak_ptr<ConsumerPort> port) {
  const std::scoped_lock lock(mutex_);
  Entry entry;
  entry.request = request;
  entry.port = std::move(port);
  entries_.insert_or_assign(member, std::move(entry));
  if (dispatcher_) dispatcher_->Join(member, request.max_in_flight);
  parts_.nudge();
}

Portion GroupRuntime::Take(const domain::Uuid& member) {
  Portion portion;
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = parts_.clock.Monotonic();
    CheckLease(now);
    const auto found = entries_.find(member);
    if (found == entries_.end()) return portion;
    Entry& entry = found->second;
    portion.end = entry.end;
    if (!portion.end && entry.admitted && dispatcher_) {
      portion.joined = !std::exchange(entry.told, true);
      portion.batch = dispatcher_->Take(member, now);
      if (entry.leaving && portion.batch.empty() && dispatcher_->HasLeft(member)) portion.end = absl::OkStatus();
      if (dispatcher_->BeganToWant()) Pump(now);
    }
    std::erase(to_wake_, member);
    ports = Woken();
  }
  Call(ports);
  return portion;
}

void GroupRuntime::Ack(const domain::Uuid& member, std::span<const std::int64_t> ids) {
  Nack(member, ids, domain::NackAction::kSkip, {});
}

void GroupRuntime::Nack(const domain::Uuid& member, std::span<const std::int64_t> ids, domain::NackAction action,
                        const std::string& reason) {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    if (!dispatcher_) return;
    const auto now = parts_.clock.Monotonic();
    dispatcher_->Nack(member, ids, action, reason, now);
    if (dispatcher_->BeganToWant()) Pump(now);
    if (dispatcher_->HasLeft(member)) to_wake_.push_back(member);
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::Leave(const domain::Uuid& member) {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    const auto entry = entries_.find(member);
    if (entry == entries_.end()) return;
    entry->second.leaving = true;
    if (dispatcher_) dispatcher_->Leave(member);
    to_wake_.push_back(member);
    parts_.nudge();
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::Drop(const domain::Uuid& member, bool failed) {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    if (entries_.erase(member) == 0) return;
    left_.push_back(member);
    if (dispatcher_) dispatcher_->Drop(member, failed, parts_.clock.Monotonic());
    parts_.nudge();
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::OnTail() {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    Pump(parts_.clock.Monotonic());
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::OnStoreLost(const absl::Status&) {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    GoBackWithStore();
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::OnTime() {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = parts_.clock.Monotonic();
    CheckLease(now);
    if (dispatcher_) {
      dispatcher_->Tick(now);
      if (dispatcher_->IsUrgent()) parts_.nudge();
      Pump(now);
      for (const auto& [member, entry] : entries_) {
        if (entry.leaving && dispatcher_->HasLeft(member)) to_wake_.push_back(member);
      }
    }
    if (now - looked_at_ >= kLook) {
      looked_at_ = now;
      for (const auto& [member, entry] : entries_) to_wake_.push_back(member);
    }
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::Close() {
  const std::scoped_lock lock(mutex_);
  entries_.clear();
  dispatcher_.reset();
}

void GroupRuntime::EndAll(const absl::Status& status) {
  for (auto& [member, entry] : entries_) {
    if (!entry.end) entry.end = status;
    to_wake_.push_back(member);
  }
  dispatcher_.reset();
  generation_ = 0;
  ++revision_;
}

void GroupRuntime::GoBackWithStore() {
  if (!dispatcher_) return;
  spdlog::warn("consumer group {}: the store is in an earlier state than it was, consumers here are let go", name_);
  EndAll(LostStore(name_));
}

void GroupRuntime::CheckLease(domain::MonotonicTime now) {
  if (!dispatcher_ || now - last_turn_ < kOwnLease) return;
  spdlog::warn("consumer group {}: no turn for {} s, its consumers here are let go", name_, kOwnLease.count() / 1000);
  EndAll(LostLease(name_));
}

void GroupRuntime::Pump(domain::MonotonicTime now) {
  if (!dispatcher_) return;
  feed_.TakeFromTail(*dispatcher_);
  if (reading_) return;
  if (const auto after = feed_.WantsPage(*dispatcher_, now)) ReadPage(*after);
}

void GroupRuntime::ReadPage(domain::Position after) {
  const bool anew = read_revision_ != revision_;
  read_revision_ = revision_;
  storage::ReadTask task;
  task.deadline = parts_.clock.Monotonic() + kReadDeadline;
  task.goes_on = true;
  task.run = [self = shared_from_this(), after, anew, revision = revision_,
              filter = dispatcher_->settings().filter](absl::StatusOr<storage::Session*> session) {
    self->OnPage(session.ok() ? storage::Caught([&] { return self->feed_.Read(**session, filter, after, anew); })
                              : absl::StatusOr<FeedPage>(session.status()),
                 revision);
  };
  // Too many read at the moment: again with the next tick.
  reading_ = parts_.readers.Submit(task);
}

void GroupRuntime::OnPage(absl::StatusOr<FeedPage> page, std::uint64_t revision) {
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    // What was read by other settings is nobody's.
    if (!dispatcher_ || revision != revision_) return;
    const auto now = parts_.clock.Monotonic();
    feed_.TakePage(*dispatcher_, std::move(page), now);
    Pump(now);
    ports = Woken();
  }
  Call(ports);
}

void GroupRuntime::ReadReplays(std::vector<storage::ReplayRef> refs) {
  if (refs.empty() || replaying_) return;
  storage::ReadTask task;
  task.deadline = parts_.clock.Monotonic() + kReadDeadline;
  task.run = [self = shared_from_this(), refs = std::move(refs),
              revision = revision_](absl::StatusOr<storage::Session*> session) {
    const absl::Status loaded =
        session.ok() ? storage::Caught([&] { return self->LoadReplays(**session, refs, revision); }) : session.status();
    if (!loaded.ok()) spdlog::warn("consumer group {}: replays: {}", self->name_, std::string(loaded.message()));
    const std::scoped_lock lock(self->mutex_);
    self->replaying_ = false;
  };
  replaying_ = parts_.readers.Submit(task);
}

absl::Status GroupRuntime::LoadReplays(storage::Session& session, const std::vector<storage::ReplayRef>& refs,
                                       std::uint64_t revision) {
  std::vector<domain::ParkedRef> events;
  events.reserve(refs.size());
  for (const auto& ref : refs) events.push_back(ref.event);
  auto read =
      storage::ReadWithRetries(parts_.chunks, [&] { return storage::ReadParked(session, parts_.chunks, events); });
  if (!read.ok()) return read.status();
  std::vector<domain::Uuid> gone;
  Ports ports;
  {
    const std::scoped_lock lock(mutex_);
    if (!dispatcher_ || revision != revision_) return absl::OkStatus();
    for (std::size_t i = 0; i < read->size(); ++i) {
      auto& event = (*read)[i];
      if (!event) {
        gone.push_back(refs[i].event.event_id);
        continue;
      }
      dispatcher_->Replay(refs[i].event.bucket, std::make_shared<const domain::RecordedEvent>(*std::move(event)),
                          refs[i].failures);
    }
    ports = Woken();
    // The rest is named by the next turn.
    if (read->size() < refs.size()) parts_.nudge();
  }
  Call(ports);
  return gone.empty() ? absl::OkStatus() : storage::GiveUpReplays(session, name_, gone);
}

bool GroupRuntime::IsIdle() const {
  const std::scoped_lock lock(mutex_);
  if (!entries_.empty()) return false;
  // When the database has been away for so long, others have to take the buckets by themselves.
  if (parts_.clock.Monotonic() - last_turn_ > kOwnLease) return true;
  return left_.empty() && (!dispatcher_ || !dispatcher_->HasWrites());
}

std::size_t GroupRuntime::consumers() const {
  const std::scoped_lock lock(mutex_);
  return entries_.size();
}

std::int64_t GroupRuntime::parked() const {
  const std::scoped_lock lock(mutex_);
  return parked_;
}

}  // namespace eventstore::subscriptions
