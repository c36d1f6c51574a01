#include "server/storage/commit_outcome.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kStatus{"commit_status", "SELECT coalesce(pg_xact_status($1::xid8), 'too old')"};

constexpr Query kStored{"commit_stored", R"sql(
SELECT EXISTS (SELECT 1 FROM events_v2 WHERE id = $1::uuid AND timestamp = $2::timestamptz
                                         AND global_position = $3::bigint)
)sql"};

// "transaction ID is in the future": this server never saw it, so it cannot be running here.
constexpr char kInvalidParameter[] = "22023";

absl::StatusOr<bool> StillRunning(Session& session, std::int64_t xid) {
  auto rows = session.Run(kStatus, {fmt::format("{}", xid)});
  if (!rows.ok()) {
    if (SqlStateOf(rows.status()) == kInvalidParameter) return false;
    return rows.status();
  }
  return std::string((*rows)[0][0].c_str()) == "in progress";
}

absl::StatusOr<bool> IsStored(Session& session, const domain::AppendedEvent& row) {
  auto rows =
      session.Run(kStored, {row.id.ToString(), TimestampText(row.timestamp), fmt::format("{}", row.global_position)});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<bool>();
}

}  // namespace

absl::StatusOr<bool> WasCommitted(Session& session, const domain::Stamp& stamp, const domain::AppendedEvent& row,
                                  std::chrono::milliseconds patience, const domain::Clock& clock,
                                  const Sleeper& sleep) {
  constexpr std::chrono::milliseconds kPause{50};
  absl::Status last = absl::OkStatus();
  const auto until = clock.Monotonic() + patience;
  do {
    auto running = StillRunning(session, stamp.xid);
    if (running.ok() && !*running) {
      auto stored = IsStored(session, row);
      if (stored.ok()) return stored;
      last = stored.status();
    } else if (!running.ok()) {
      last = running.status();
    }
    sleep(kPause);
  } while (clock.Monotonic() < until);
  domain::Error error;
  error.reason = domain::Reason::kCommitUnknown;
  error.message = fmt::format(
      "the connection to the database was lost at commit, and for {} ms it could not be asked what became of "
      "transaction {} ({}); repeat the append with the same event ids to find out",
      patience.count(), stamp.xid, last.ok() ? std::string("it is still running") : std::string(last.message()));
  error.metadata = {{"transaction_id", fmt::format("{}", stamp.xid)}};
  return domain::ToStatus(error);
}

}  // namespace eventstore::storage
