#include "server/storage/task_lock.h"

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

constexpr Query kTry{"task_lock", "SELECT pg_try_advisory_lock($1::integer, $2::integer)"};
constexpr Query kUnlock{"task_unlock", "SELECT pg_advisory_unlock($1::integer, $2::integer)"};

std::string Class() { return fmt::format("{}", kTaskLockClass); }

}  // namespace

TaskLock::TaskLock(Session& session, std::string_view task)
    : session_(session), key_(fmt::format("{}", TaskLockKey(task))) {}

TaskLock::~TaskLock() {
  if (held() && !session_.Run(kUnlock, {Class(), key_}).ok()) session_.Disconnect();
}

absl::StatusOr<bool> TaskLock::Try() {
  auto rows = session_.Run(kTry, {Class(), key_});
  if (!rows.ok()) return rows.status();
  const bool locked = (*rows)[0][0].as<bool>();
  if (locked) generation_ = session_.generation();
  return locked;
}

}  // namespace eventstore::storage
