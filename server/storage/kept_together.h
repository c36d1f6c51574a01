// Several statements in one round trip, by libpq's pipeline mode, on a connection that is libpqxx's else: it has no calls
// for that. They run in one transaction, unless one is open already, so what they lock is held until the last has ended.
#pragma once

#include <libpq-fe.h>

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/binary_rows.h"
#include "server/storage/pq_compat.h"
#include "server/storage/statement_cache.h"

namespace eventstore::storage {

struct KeptStatement {
  std::string sql;
  pq::Args args;
};

// The rows of each, in order, binary; or the first error, and then those behind it were not run. `kept` says what is prepared
// in this session, and is told what could not be. The connection must be idle, and is so again unless it was lost.
absl::StatusOr<std::vector<Rows>> RunTogether(PGconn* connection, StatementCache& kept,
                                              std::span<const KeptStatement> statements);

}  // namespace eventstore::storage
