#include "server/moving/all_lanes.h"

#include "fmt/format.h"
#include "server/storage/lane_lock.h"
#include "server/storage/sql_errors.h"

namespace eventstore::moving {
namespace {

using storage::Query;
using storage::Session;
using storage::SqlStateOf;

constexpr char kLockNotAvailable[] = "55P03";
constexpr char kDeadlock[] = "40P01";

const Query kTakeLanes{"legacy_take_lanes", R"sql(
SELECT pg_advisory_xact_lock($1::integer, lane) FROM store_identity, generate_series(0, lanes - 1) lane ORDER BY lane
)sql"};

absl::Status Try(Session& session, const LockPatience& patience, bool with_lanes, const LockedBody& body) {
  auto begun =
      session.RunScript(fmt::format("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{}ms'; "
                                    "SET LOCAL synchronous_commit = on",
                                    patience.lock_timeout.count()));
  absl::Status status = begun.status();
  if (status.ok() && with_lanes) status = TakeAllLanes(session);
  if (status.ok()) status = body();
  if (status.ok()) return session.RunScript("COMMIT").status();
  if (session.connected()) session.RunScript("ROLLBACK").IgnoreError();
  return status;
}

absl::Status TryAgain(Session& session, const LockPatience& patience, bool with_lanes, const LockedBody& body) {
  for (int attempt = 1;; ++attempt) {
    absl::Status status = Try(session, patience, with_lanes, body);
    const std::string state = SqlStateOf(status);
    if ((state != kLockNotAvailable && state != kDeadlock) || attempt >= patience.attempts) return status;
    if (patience.notice) {
      patience.notice(fmt::format("attempt {} of {}: {}", attempt, patience.attempts, std::string(status.message())));
    }
    patience.sleep(patience.pause);
  }
}

}  // namespace

absl::Status TakeAllLanes(Session& session) {
  return session.Run(kTakeLanes, {std::to_string(storage::kLaneLockClass)}).status();
}

absl::Status WithAllLanes(Session& session, const LockPatience& patience, const LockedBody& body) {
  return TryAgain(session, patience, true, body);
}

absl::Status WithLockTimeout(Session& session, const LockPatience& patience, const LockedBody& body) {
  return TryAgain(session, patience, false, body);
}

}  // namespace eventstore::moving
