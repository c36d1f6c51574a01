#include "server/storage/store_identity.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/position.h"
#include "server/storage/lane_lock.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {
namespace {

constexpr Query kRead{"identity_read", R"sql(
SELECT i.engine, i.edition, i.system_identifier, i.xid_offset, i.lanes, c.system_identifier
FROM store_identity i, pg_control_system() c
)sql"};

constexpr Query kCurrentXid{"identity_xid", "SELECT pg_current_xact_id()::text::bigint"};

constexpr Query kUpdate{"identity_update", R"sql(
UPDATE store_identity SET system_identifier = $1::bigint, xid_offset = $2::bigint
)sql"};

struct Read {
  StoreIdentity stored;
  std::int64_t cluster = 0;
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
              row[5].as<std::int64_t>()};
}

// Chunk by chunk: positions mostly follow time, but no rule says that the newest chunk has the largest.
absl::StatusOr<domain::Position> LargestPosition(Session& session, ChunkCatalog& chunks) {
  auto all = chunks.All(session);
  if (!all.ok()) return all.status();
  domain::Position largest = 0;
  for (const Chunk& chunk : **all) {
    if (chunk.closed) {
      largest = std::max(largest, chunk.closed->greatest);
      continue;
    }
    auto rows = session.RunText("SELECT coalesce(max(global_position), 0) FROM " + chunk.table, {});
    if (!rows.ok()) return rows.status();
    largest = std::max(largest, (*rows)[0][0].as<std::int64_t>());
  }
  return largest;
}

absl::StatusOr<StoreIdentity> Adopt(Session& session, ChunkCatalog& chunks, int lanes) {
  // Before the transaction, so that no more than one chunk is locked at a time. It cannot be out of date: whoever
  // appends here comes through EnsureIdentity() first. A list of chunks from before may be of the other cluster.
  chunks.Forget();
  auto largest = LargestPosition(session, chunks);
  if (!largest.ok()) return largest.status();
  std::set<int> every_lane;
  for (int lane = 0; lane < lanes; ++lane) every_lane.insert(lane);
  if (auto begun = session.RunScript(BeginWithLanes(every_lane)); !begun.ok()) return begun.status();
  auto read = ReadRow(session);
  if (!read.ok()) return read.status();
  if (read->stored.system_identifier == read->cluster) return read->stored;  // another instance was first
  auto xid = session.Run(kCurrentXid, {});
  if (!xid.ok()) return xid.status();
  StoreIdentity adopted = read->stored;
  adopted.system_identifier = read->cluster;
  adopted.xid_offset = domain::RaisedOffset(adopted.xid_offset, *largest, (*xid)[0][0].as<std::int64_t>());
  auto updated =
      session.Run(kUpdate, {fmt::format("{}", adopted.system_identifier), fmt::format("{}", adopted.xid_offset)});
  if (!updated.ok()) return updated.status();
  spdlog::warn(
      "the database is in another cluster than its positions were made in (restored?): xid_offset {} -> {}, so "
      "that new positions stay above {}",
      read->stored.xid_offset, adopted.xid_offset, *largest);
  return adopted;
}

}  // namespace

absl::StatusOr<StoreIdentity> EnsureIdentity(Session& session, ChunkCatalog& chunks) {
  auto read = ReadRow(session);
  if (!read.ok()) return read.status();
  if (read->stored.system_identifier == read->cluster) return read->stored;
  auto adopted = Adopt(session, chunks, read->stored.lanes);
  auto ended = session.RunScript(adopted.ok() ? "COMMIT" : "ROLLBACK");
  if (adopted.ok() && !ended.ok()) return ended.status();
  return adopted;
}

}  // namespace eventstore::storage
