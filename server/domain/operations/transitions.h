// Which status an operational record may come to from which, and what is said where it may not. Pure.
//
//   requested --> scheduled --> running --> completed | failed | timeout | abandoned
//       |             |            |
//       |             +------------+--> cancelling --> any end
//       +--> an end other than completed: it never ran
//
// What runs, or is about to, is cancelled through cancelling, since somebody has to stop it. An end is an end.
#pragma once

#include <span>
#include <string>

#include "absl/status/status.h"
#include "server/domain/operations/records.h"

namespace eventstore::domain {

// In the order of the enum; none: it has ended.
std::span<const ExecutionStatus> NextOf(ExecutionStatus status);
bool CanMove(ExecutionStatus from, ExecutionStatus to);
bool HasEnded(ExecutionStatus status);

// ABORTED: `what` ("execution", "enforcement", "worker") has another status than the client expects.
absl::Status StatusConflict(const std::string& what, const std::string& id, const std::string& current,
                            const std::string& expected);
// FAILED_PRECONDITION.
absl::Status IllegalMove(const std::string& id, ExecutionStatus current, ExecutionStatus requested);
// NOT_FOUND. `created_given`: perhaps that was wrong.
absl::Status RecordNotFound(const std::string& what, const std::string& id, bool created_given);
// ALREADY_EXISTS: the id is that of a record with other contents.
absl::Status RecordIdConflict(const std::string& what, const std::string& id);

}  // namespace eventstore::domain
