#include "server/storage/horizon.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/position.h"
#include "server/storage/lane_lock.h"

namespace eventstore::storage {
namespace {

constexpr Query kSnapshot{"horizon_snapshot", R"sql(
SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint
FROM (SELECT pg_current_snapshot() AS s) t
)sql"};

// backend_xid is 32 bits wide: the distance to x, modulo 2^32, gives the 64-bit xid back. Live xids lie within 2^31 of
// each other, so a negative distance is an xid at or above x.
constexpr Query kHolders{"horizon_holders", R"sql(
SELECT a.backend_xid::text::bigint, a.pid
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = $1::oid AND l.objsubid = 2 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.backend_xid IS NOT NULL
)sql"};

}  // namespace

absl::StatusOr<Horizon> ReadHorizon(Session& session, std::int64_t xid_offset) {
  auto snapshot = session.Run(kSnapshot, {});
  if (!snapshot.ok()) return snapshot.status();
  const auto xmin = (*snapshot)[0][0].as<std::int64_t>();
  const auto xmax = (*snapshot)[0][1].as<std::int64_t>();
  std::int64_t settled = xmax;
  int held_by = 0;
  if (xmin < xmax) {
    auto holders = session.Run(kHolders, {fmt::format("{}", kLaneLockClass)});
    if (!holders.ok()) return holders.status();
    for (const auto& row : *holders) {
      const auto distance = static_cast<std::int32_t>(static_cast<std::uint32_t>(xmax) - row[0].as<std::uint32_t>());
      if (xmax - distance >= settled) continue;
      settled = xmax - distance;
      held_by = row[1].as<int>();
    }
  }
  return Horizon{domain::FirstPositionOf(settled, xid_offset), held_by};
}

}  // namespace eventstore::storage
