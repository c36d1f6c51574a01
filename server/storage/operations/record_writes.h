// How an operational record is written: in one statement where that is enough, and durable before it is answered.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// "EVOI": of the id of a record that is being made, so that of two who send the same one sees the other's.
inline constexpr int kRecordIdLockClass = 0x45564F49;

// Runs `write`, and again after it has made the partitions that were missing (engine native: the housekeeper makes them 30
// days ahead, and nobody shall fail for want of one). A connection that is lost on the way makes COMMIT_UNKNOWN of what came
// of it, unless it `may_repeat`: then it is tried once more.
absl::StatusOr<pqxx::result> WriteRecord(Session& session, bool may_repeat,
                                         const std::function<absl::StatusOr<pqxx::result>()>& write);

}  // namespace eventstore::storage
