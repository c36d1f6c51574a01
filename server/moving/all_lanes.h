// A transaction that holds every lane, so that no append is under way, and then takes locks on tables without waiting for
// them for long: appends and the legacy table's writers stand still meanwhile.
//
// Lanes come first, as everywhere: an append holds its lane when its trigger writes to the legacy table.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "server/storage/session.h"

namespace eventstore::moving {

struct LockPatience {
  std::chrono::milliseconds lock_timeout{1'000};  // of each lock
  int attempts = 30;
  std::chrono::milliseconds pause{1'000};  // between them, for the others to get on
  std::function<void(std::chrono::milliseconds)> sleep;
  // Told before each pause what was not free.
  std::function<void(const std::string&)> notice = {};
};

using LockedBody = std::function<absl::Status()>;

// `body` runs statements on `session`, in the transaction; it is committed when it returns Ok. When a lock was not free it
// is rolled back and tried again; DATABASE_UNAVAILABLE after the last attempt.
absl::Status WithAllLanes(storage::Session& session, const LockPatience& patience, const LockedBody& body);

// The same without the lanes, for a lock on the legacy table alone.
absl::Status WithLockTimeout(storage::Session& session, const LockPatience& patience, const LockedBody& body);

// Within one of these, or a transaction of another's: the rest of the lanes' locks.
absl::Status TakeAllLanes(storage::Session& session);

}  // namespace eventstore::moving
