#include "server/subscriptions/group_coordinator.h"

#include <utility>

#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/shutting_down.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {
namespace {

absl::Status TooMany() {
  domain::Error error;
  error.reason = domain::Reason::kQueueFull;
  error.message = "this server has as many consumers and subscriptions as it takes; end some, or use another instance";
  error.metadata = {{"max_consumers", std::to_string(domain::kMaxConsumers)}};
  error.retry_after_ms = 5'000;
  return domain::ToStatus(error);
}

}  // namespace

GroupCoordinator::GroupCoordinator(GroupCoordinatorOptions options, std::string conninfo, Tail& tail,
                                   storage::ReadExecutor& readers, storage::ChunkCatalog& chunks,
                                   const domain::Clock& clock, std::string instance)
    : options_(options),
      conninfo_(std::move(conninfo)),
      tail_(tail),
      readers_(readers),
      chunks_(chunks),
      clock_(clock),
      instance_(std::move(instance)),
      turns_([this] { RunTurns(); }),
      ticks_([this] { RunTicks(); }) {}

GroupCoordinator::~GroupCoordinator() { Stop(); }

void GroupCoordinator::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  {
    const std::scoped_lock lock(wake_mutex_);
    ended_ = true;
    wake_.notify_all();
    tick_.notify_all();
  }
  if (turns_.joinable()) turns_.join();
  if (ticks_.joinable()) ticks_.join();
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, group] : groups_) group.runtime->Close();
  groups_.clear();
}

void GroupCoordinator::Wake() {
  const std::scoped_lock lock(wake_mutex_);
  nudged_ = true;
  wake_.notify_all();
}

absl::StatusOr<std::shared_ptr<GroupRuntime>> GroupCoordinator::Join(const domain::Uuid& member,
                                                                     const domain::JoinRequest& request,
                                                                     const std::weak_ptr<ConsumerPort>& port) {
  const std::scoped_lock lock(mutex_);
  if (stopping_) return storage::ShuttingDown();
  std::size_t consumers = 0;
  for (const auto& [name, group] : groups_) consumers += group.runtime->consumers();
  if (consumers >= domain::kMaxConsumers) return TooMany();
  const auto found = groups_.find(request.group);
  if (found != groups_.end()) {
    found->second.runtime->Join(member, request, port);
    return found->second.runtime;
  }
  auto urgent = std::make_shared<std::atomic<bool>>(false);
  auto runtime = std::make_shared<GroupRuntime>(request.group,
                                                GroupParts{tail_, readers_, chunks_, clock_, instance_, [this, urgent] {
                                                             if (!urgent->exchange(true)) Wake();
                                                           }});
  if (!tail_.Listen(runtime)) return TooMany();
  runtime->Join(member, request, port);
  groups_[request.group] = {runtime, std::move(urgent), clock_.Monotonic() - options_.turn};
  const std::scoped_lock wake(wake_mutex_);
  busy_ = true;
  wake_.notify_all();
  tick_.notify_all();
  return runtime;
}

void GroupCoordinator::Nudge(const std::string& group) {
  const std::scoped_lock lock(mutex_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  *found->second.urgent = true;
  Wake();
}

std::vector<std::shared_ptr<GroupRuntime>> GroupCoordinator::Due(domain::MonotonicTime now) {
  std::vector<std::shared_ptr<GroupRuntime>> due;
  const std::scoped_lock lock(mutex_);
  for (auto group = groups_.begin(); group != groups_.end();) {
    if (group->second.runtime->IsIdle()) {
      parked_before_ += group->second.runtime->parked();
      group = groups_.erase(group);
      continue;
    }
    // Cleared before the turn looks at the group: what comes later is for the next one.
    if (group->second.urgent->exchange(false) || now - group->second.last_turn >= options_.turn || stopping_) {
      group->second.last_turn = now;
      due.push_back(group->second.runtime);
    }
    ++group;
  }
  if (groups_.empty()) {
    const std::scoped_lock wake(wake_mutex_);
    busy_ = false;
  }
  return due;
}

void GroupCoordinator::RunTurns() {
  storage::Session session(conninfo_, "groups");
  for (;;) {
    bool ending = false;
    {
      std::unique_lock lock(wake_mutex_);
      wake_.wait(lock, [&] { return ended_ || busy_; });
      wake_.wait_for(lock, options_.tick, [&] { return ended_ || nudged_; });
      nudged_ = false;
      ending = ended_;
    }
    for (const auto& runtime : Due(clock_.Monotonic())) {
      if (absl::Status set = session.SetStatementTimeout(options_.statement_timeout); !set.ok()) {
        spdlog::debug("consumer groups: {}", std::string(set.message()));
      }
      runtime->Turn(session);
    }
    if (ending) return;
    std::unique_lock lock(wake_mutex_);
    wake_.wait_for(lock, options_.least, [&] { return ended_; });
  }
}

void GroupCoordinator::RunTicks() {
  for (;;) {
    {
      std::unique_lock lock(wake_mutex_);
      tick_.wait(lock, [&] { return ended_ || busy_; });
      tick_.wait_for(lock, options_.tick, [&] { return ended_; });
      if (ended_) return;
    }
    std::vector<std::shared_ptr<GroupRuntime>> runtimes;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [name, group] : groups_) runtimes.push_back(group.runtime);
    }
    for (const auto& runtime : runtimes) runtime->OnTime();
  }
}

std::size_t GroupCoordinator::groups() const {
  const std::scoped_lock lock(mutex_);
  return groups_.size();
}

std::size_t GroupCoordinator::consumers() const {
  const std::scoped_lock lock(mutex_);
  std::size_t consumers = 0;
  for (const auto& [name, group] : groups_) consumers += group.runtime->consumers();
  return consumers;
}

std::int64_t GroupCoordinator::parked() const {
  const std::scoped_lock lock(mutex_);
  std::int64_t parked = parked_before_;
  for (const auto& [name, group] : groups_) parked += group.runtime->parked();
  return parked;
}

}  // namespace eventstore::subscriptions
