// The range of a partition, as the queries of this engine give it.
#pragma once

#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// Of a row with, from column `first` on, whether it is the DEFAULT partition, start and end in microseconds since 1970;
// NULL: no bound. A DEFAULT partition is STORE_INCOMPATIBLE: it would keep others from being attached.
absl::StatusOr<domain::TimeRange> NativeRange(const pqxx::row& row, int first);

}  // namespace eventstore::storage
