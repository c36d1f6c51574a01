// One state of the database for many transactions: a session that does nothing else keeps a snapshot open, and others
// read under it. Each of their transactions is short, so none holds locks on chunks that retention wants to drop.
//
// The holder is READ ONLY and never writes: without a transaction id of its own it pins no subscriber's horizon.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

class HeldSnapshot {
 public:
  // role: as in application_name.
  HeldSnapshot(const std::string& conninfo, const std::string& role) : holder_(conninfo, role) {}

  absl::Status Take();

  // Runs `statement`, which uses `reader`, in a transaction of its own. READ ONLY still allows temporary tables.
  absl::StatusOr<pqxx::result> Run(Session& reader, absl::FunctionRef<absl::StatusOr<pqxx::result>()> statement) const;

  // The chunks that there were.
  absl::StatusOr<ChunkList> Chunks(Session& reader) const;

 private:
  Session holder_;
  std::string id_;
};

}  // namespace eventstore::storage
