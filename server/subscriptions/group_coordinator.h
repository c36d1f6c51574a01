// All groups at work in this process. One thread with one connection takes their turns in the database, once a second and
// when something should not wait; another one, which never waits for the database, tells them the time. Both rest while
// there are no groups.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/session.h"
#include "server/subscriptions/group_runtime.h"

namespace eventstore::subscriptions {

struct GroupCoordinatorOptions {
  std::chrono::milliseconds turn{1'000};
  // Between two turns of whatever is urgent.
  std::chrono::milliseconds least{20};
  std::chrono::milliseconds tick{50};
  std::chrono::milliseconds statement_timeout{5'000};
};

class GroupCoordinator {
 public:
  GroupCoordinator(GroupCoordinatorOptions options, std::string conninfo, Tail& tail, storage::ReadExecutor& readers,
                   storage::ChunkCatalog& chunks, const domain::Clock& clock, std::string instance);
  ~GroupCoordinator();
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  // QUEUE_FULL: there are too many. That the group is not there comes with the first Take().
  absl::StatusOr<std::shared_ptr<GroupRuntime>> Join(const domain::Uuid& member, const domain::JoinRequest& request,
                                                     const std::weak_ptr<ConsumerPort>& port);
  // The group was changed in the database.
  void Nudge(const std::string& group);
  // Writes what the consumers that are gone have answered. After all of them were dropped.
  void Stop();

  std::size_t groups() const;
  std::size_t consumers() const;
  std::int64_t parked() const;

 private:
  struct Group {
    std::shared_ptr<GroupRuntime> runtime;
    std::shared_ptr<std::atomic<bool>> urgent;
    domain::MonotonicTime last_turn;
  };

  void RunTurns();
  void RunTicks();
  void Wake();
  // The groups whose turn it is.
  std::vector<std::shared_ptr<GroupRuntime>> Due(domain::MonotonicTime now);

  const GroupCoordinatorOptions options_;
  const std::string conninfo_;
  Tail& tail_;
  storage::ReadExecutor& readers_;
  storage::ChunkCatalog& chunks_;
  const domain::Clock& clock_;
  const std::string instance_;

  mutable std::mutex mutex_;
  std::map<std::string, Group> groups_;
  std::int64_t parked_before_ = 0;  // by groups that are not here any more
  bool stopping_ = false;

  // A leaf, so that a group may nudge with its own mutex held.
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  std::condition_variable tick_;
  bool nudged_ = false;
  bool ended_ = false;  // nothing more runs
  bool busy_ = false;   // there are groups

  std::thread turns_;
  std::thread ticks_;
};

}  // namespace eventstore::subscriptions
