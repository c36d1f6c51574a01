#include "server/storage/engines/native_range.h"

#include "server/domain/error.h"

namespace eventstore::storage {

absl::StatusOr<domain::TimeRange> NativeRange(const pqxx::row& row, int first) {
  if (row[first].as<bool>()) {
    return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                           "events_v2 has a DEFAULT partition, which keeps new partitions from being attached: detach "
                           "it (ALTER TABLE events_v2 DETACH PARTITION ...), make partitions for what it holds, and "
                           "move that there");
  }
  domain::TimeRange range;
  if (!row[first + 1].is_null()) range.from = row[first + 1].as<std::int64_t>();
  if (!row[first + 2].is_null()) range.to = row[first + 2].as<std::int64_t>();
  return range;
}

}  // namespace eventstore::storage
