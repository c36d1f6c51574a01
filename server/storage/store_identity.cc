#include "server/storage/store_identity.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/position.h"
#include "server/storage/lane_lock.h"
#include "server/storage/lost_positions.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {
namespace {

constexpr char kLockNotAvailable[] = "55P03";

// A standby has no timeline that it writes; it takes no appends either.
constexpr Query kRead{"identity_read", R"sql(
SELECT i.engine, i.edition, i.system_identifier, i.xid_offset, i.lanes, c.system_identifier,
       i.timeline, CASE WHEN pg_is_in_recovery() THEN i.timeline
                        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END,
       i.table_oid = i.tableoid
FROM store_identity i, pg_control_system() c
)sql"};

constexpr Query kCurrentXid{"identity_xid", "SELECT pg_current_xact_id()::text::bigint"};

constexpr Query kNextXid{"identity_next_xid", R"sql(
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint
)sql"};

constexpr Query kUpdate{"identity_update", R"sql(
UPDATE store_identity
SET system_identifier = $1::bigint, xid_offset = $2::bigint, timeline = $3::integer, table_oid = tableoid
)sql"};

// Seconds since the store is known to have been in use, by the database's clock; $1: when its last event was recorded, or
// NULL. Events alone would not do: those of an import are older than the import.
constexpr Query kAge{"identity_age", R"sql(
SELECT greatest(0, extract(epoch FROM clock_timestamp() - greatest(
    $1::timestamptz, (SELECT created_at FROM store_identity), (SELECT max(started_at) FROM housekeeper_runs))))::bigint
)sql"};

// Of operational records; see migrations/0030_operations_positions.sql. A transaction draws several: 16 are left free for each.
constexpr Query kRaiseChanges{"identity_raise_changes", R"sql(
WITH old AS (SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS drawn FROM operations_positions)
SELECT drawn, setval('operations_positions', drawn + 16 * $1::bigint) FROM old
)sql"};

struct Read {
  StoreIdentity stored;
  std::int64_t cluster = 0;
  int stored_timeline = 0;
  int timeline = 0;
  bool same_table = false;

  // How the store shows that it is not the one, or not in the state, that positions were made in; "" when it is.
  std::string Difference() const {
    if (stored.system_identifier != cluster) return "in another cluster than its positions were made in";
    if (!same_table) return "restored from a dump";
    if (stored_timeline != timeline) {
      return fmt::format("on timeline {} after {}: a backup was recovered or a standby promoted", timeline,
                         stored_timeline);
    }
    return "";
  }
};

struct Largest {
  domain::Position position = 0;
  std::string table;  // where it is; "" when there are no events
};

absl::StatusOr<Read> ReadRow(Session& session) {
  auto rows = session.Run(kRead, {});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) {
    return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                           "table store_identity is empty: the database was not set up by `eventctl migrate up`; "
                           "restore it from a backup or start with a new database");
  }
  const auto row = (*rows)[0];
  return Read{{row[0].c_str(), row[1].c_str(), row[2].as<std::int64_t>(), row[3].as<std::int64_t>(), row[4].as<int>()},
              row[5].as<std::int64_t>(),
              row[6].as<int>(),
              row[7].as<int>(),
              row[8].as<bool>()};
}

// Chunk by chunk: positions mostly follow time, but no rule says that the newest chunk has the largest.
absl::StatusOr<Largest> LargestPosition(Session& session, ChunkCatalog& chunks) {
  auto all = chunks.All(session);
  if (!all.ok()) return all.status();
  Largest largest;
  for (const Chunk& chunk : **all) {
    domain::Position here = 0;
    if (chunk.closed) {
      here = chunk.closed->greatest;
    } else {
      auto rows = session.RunText("SELECT coalesce(max(global_position), 0) FROM " + chunk.table, {});
      if (!rows.ok()) return rows.status();
      here = (*rows)[0][0].as<std::int64_t>();
    }
    if (here > largest.position) largest = {here, chunk.table};
  }
  return largest;
}

absl::StatusOr<std::int64_t> AgeSeconds(Session& session, const Largest& largest) {
  std::optional<std::string> newest;
  if (!largest.table.empty()) {
    auto rows = session.RunText("SELECT timestamp::text FROM " + largest.table + " WHERE global_position = $1::bigint",
                                {fmt::format("{}", largest.position)});
    if (!rows.ok()) return rows.status();
    if (!rows->empty()) newest = (*rows)[0][0].c_str();
  }
  auto age = session.Run(kAge, {newest});
  if (!age.ok()) return age.status();
  return (*age)[0][0].as<std::int64_t>();
}

absl::Status NoteRaised(Session& session, domain::Position last, domain::Position next, std::int64_t gap) {
  if (absl::Status noted = NoteLost(session, PositionKind::kEvents, {last, next}); !noted.ok()) return noted;
  auto changes = session.Run(kRaiseChanges, {fmt::format("{}", gap)});
  if (!changes.ok()) return changes.status();
  const auto row = (*changes)[0];
  return NoteLost(session, PositionKind::kChanges, {row[0].as<std::int64_t>(), row[1].as<std::int64_t>()});
}

// `why`: what the log says; when it is empty, what the row shows is asked, which another instance may have answered first.
absl::StatusOr<StoreIdentity> Adopt(Session& session, ChunkCatalog& chunks, int lanes, std::string why) {
  // Before the transaction, so that no more than one chunk is locked at a time. It cannot be out of date: whoever
  // appends here comes through EnsureIdentity() first. A list of chunks from before may be of the other cluster.
  chunks.Forget();
  auto largest = LargestPosition(session, chunks);
  if (!largest.ok()) return largest.status();
  auto age = AgeSeconds(session, *largest);
  if (!age.ok()) return age.status();
  const std::int64_t gap = domain::RestoreGap(*age);
  std::set<int> every_lane;
  for (int lane = 0; lane < lanes; ++lane) every_lane.insert(lane);
  if (auto begun = session.RunScript(BeginWithLanes(every_lane)); !begun.ok()) return begun.status();
  auto read = ReadRow(session);
  if (!read.ok()) return read.status();
  if (why.empty()) why = read->Difference();
  if (why.empty()) return read->stored;  // another instance was first
  auto rows = session.Run(kCurrentXid, {});
  if (!rows.ok()) return rows.status();
  const auto xid = (*rows)[0][0].as<std::int64_t>();
  StoreIdentity adopted = read->stored;
  adopted.system_identifier = read->cluster;
  const domain::Position free_up_to = largest->position + (gap << domain::kOrdinalBits);
  adopted.xid_offset = domain::RaisedOffset(adopted.xid_offset, free_up_to, xid);
  auto updated = session.Run(kUpdate, {fmt::format("{}", adopted.system_identifier),
                                       fmt::format("{}", adopted.xid_offset), fmt::format("{}", read->timeline)});
  if (!updated.ok()) return updated.status();
  const domain::Position next = domain::FirstPositionOf(xid, adopted.xid_offset);
  if (absl::Status noted = NoteRaised(session, largest->position, next, gap); !noted.ok()) return noted;
  spdlog::warn(
      "the store is {}: xid_offset {} -> {}, so that new positions begin at {}. The last one stored is {}; subscribers "
      "that noted a later one are refused with POSITION_AHEAD",
      why, read->stored.xid_offset, adopted.xid_offset, next, largest->position);
  return adopted;
}

absl::StatusOr<StoreIdentity> AdoptAndEnd(Session& session, ChunkCatalog& chunks, int lanes, const std::string& why) {
  auto adopted = Adopt(session, chunks, lanes, why);
  auto ended = session.RunScript(adopted.ok() ? "COMMIT" : "ROLLBACK");
  if (adopted.ok() && !ended.ok()) return ended.status();
  return adopted;
}

}  // namespace

absl::StatusOr<StoreIdentity> EnsureIdentity(Session& session, ChunkCatalog& chunks) {
  auto read = ReadRow(session);
  if (!read.ok()) return read.status();
  if (read->Difference().empty()) return read->stored;
  return AdoptAndEnd(session, chunks, read->stored.lanes, "");
}

absl::StatusOr<StoreIdentity> EnsureIdentityAtStart(Session& session, ChunkCatalog& chunks) {
  auto identity = EnsureIdentity(session, chunks);
  if (!identity.ok()) return identity;
  // A server does not wait at its start for whoever has the events locked: what it looks for here is rare, and the next
  // start looks again.
  if (auto set = session.RunScript("SET lock_timeout = '2s'"); !set.ok()) return set.status();
  auto largest = LargestPosition(session, chunks);
  if (SqlStateOf(largest.status()) == kLockNotAvailable) {
    spdlog::warn(
        "the events are locked by another session, so it was not looked whether they are of a later state than their "
        "cluster, as after a dump that was restored into an older copy of it; the next start looks again");
    return identity;
  }
  if (!largest.ok()) return largest.status();
  if (auto set = session.RunScript("RESET lock_timeout"); !set.ok()) return set.status();
  // After the look at the events: what is stored has a transaction id below this one.
  auto end = session.Run(kNextXid, {});
  if (!end.ok()) return end.status();
  if (largest->position < domain::FirstPositionOf((*end)[0][0].as<std::int64_t>(), identity->xid_offset)) {
    return identity;
  }
  return AdoptAndEnd(session, chunks, identity->lanes, "ahead of its cluster's transaction ids");
}

}  // namespace eventstore::storage
