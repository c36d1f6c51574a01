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

// Reads the row. When the cluster is not the one the positions were made in (dump and restore, pg_upgrade), raises
// xid_offset above the largest stored position first, holding every lane, so that no append can be in between.
// To be called on every new connection that appends or reads in global order.
absl::StatusOr<StoreIdentity> EnsureIdentity(Session& session, ChunkCatalog& chunks);

}  // namespace eventstore::storage
