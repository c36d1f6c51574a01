// What an exception of libpqxx means for who wants to go on.
#pragma once

#include <pqxx/pqxx>

#include "absl/status/status.h"

namespace eventstore::client::internal {

// UNAVAILABLE: the database is away, the transaction lost a race, or nobody knows whether it was committed; after
// connecting again it can be tried again. INTERNAL: it would fail again.
absl::Status StatusOf(const pqxx::failure& error);

}  // namespace eventstore::client::internal
