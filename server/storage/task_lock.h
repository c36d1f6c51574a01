// The advisory lock under which an instance runs a task: pg_try_advisory_lock(kTaskLockClass, hash of the name). It is of
// the session, so it ends with the server that held it; never waited for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// "EVSH"; not the lanes' class, whose holders the horizon takes for writers.
inline constexpr int kTaskLockClass = 0x45565348;

// FNV-1a: the same on every instance, for ever. Two names with the same hash would only take turns.
constexpr std::int32_t TaskLockKey(std::string_view task) {
  std::uint32_t hash = 2'166'136'261U;
  for (const char c : task) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619U;
  return static_cast<std::int32_t>(hash);
}

class TaskLock {
 public:
  TaskLock(Session& session, std::string_view task);
  // Unlocks. A session that cannot is closed, which unlocks, too.
  ~TaskLock();
  TaskLock(const TaskLock&) = delete;
  TaskLock& operator=(const TaskLock&) = delete;

  // False: somebody else has it.
  absl::StatusOr<bool> Try();
  // The session is the one that took it.
  bool held() const { return generation_ != 0 && session_.connected() && session_.generation() == generation_; }

 private:
  Session& session_;
  const std::string key_;
  std::uint64_t generation_ = 0;  // of the session that holds it
};

}  // namespace eventstore::storage
