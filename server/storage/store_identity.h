// The row of store_identity, checked against the cluster a session is connected to.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct StoreIdentity {
  std::string engine;
  std::string edition;
  std::int64_t system_identifier = 0;
  std::int64_t xid_offset = 0;
  int lanes = 0;
};

// Reads the row. When the database is not the one the positions were made in, or not in the state it was (pg_restore,
// pg_upgrade, recovery from an archive, a standby that was promoted), raises xid_offset first, holding every lane, so that
// no append can be in between: above the largest stored position, and above all that may have been given out since then and
// is lost (domain::RestoreGap). What is left free is noted in lost_positions. To be called on every new connection that
// appends or reads in global order.
absl::StatusOr<StoreIdentity> EnsureIdentity(Session& session, ChunkCatalog& chunks);

// The same, and looks besides whether new positions would come before stored ones although nothing else shows it: a dump
// restored into an older copy of the cluster it was made in. Asks each open chunk for its largest position: for the start.
absl::StatusOr<StoreIdentity> EnsureIdentityAtStart(Session& session, ChunkCatalog& chunks);

}  // namespace eventstore::storage
