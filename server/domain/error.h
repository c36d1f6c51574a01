// Errors of the store. An Error crosses our own boundaries inside an absl::Status, as payloads; service/status_table
// turns it into a gRPC status. A message says what happened, to what, and what to do next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

enum class Reason {
  kInvalidRequest,       // a field is missing or malformed
  kLimitExceeded,        // a field, list or request is too large
  kVersionConflict,      // a version check failed; carries `conflicts`
  kEventIdConflict,      // an event id was used before, for something else
  kVersionExhausted,     // the aggregate would pass version 2147483647
  kQueueFull,            // nothing was written
  kDatabaseUnavailable,  // nothing was written
  kShuttingDown,         // nothing was written
  kDeadlineExceeded,
  kCancelled,
  kCommitUnknown,      // the database died at commit and could not be asked
  kStoreIncompatible,  // the database's schema or engine is not one this server can serve
  kPositionAhead,      // a reader knows more than the store: it was restored from a backup
  kEventsDropped,      // a reader would go on behind events that retention has dropped, without having seen them
  kGroupExists,        // a consumer group of this name has other settings
  kGroupNotFound,
  kTaskNotFound,        // the housekeeper knows no task of this name
  kTaskRunning,         // a task runs already, on this instance or another
  kHousekeeperOff,      // this instance has no housekeeper
  kArchiveDamaged,      // a file of the archive is not what was written
  kArchiveFull,         // no room for the archive: nothing was dropped
  kArchiveUnavailable,  // the archive's folder cannot be used: nothing was dropped
  kRecordNotFound,      // no operational record has this id, or it was not created then
  kRecordIdConflict,    // the id of an operational record was used before, for other contents
  kStatusConflict,      // an operational record has another status than the client expects
  kIllegalTransition,   // from the status that it has an execution cannot come to the one asked for
  kWorkerNameTaken,
  kTableNotTracked,     // no history is kept of this table
  kCredentialsMissing,  // the call carries no credentials, and the server wants some
  kCredentialsInvalid,  // the key or token is not one that the server knows or trusts
  kCredentialsExpired,  // the token was good, and its time is over
  kRoleMissing,         // the identity has none of the roles that the call needs
  kOutsideLimits,       // the identity is limited to other events than the request is about
  kErasureOff,          // this server has no master key
  kSubjectErased,       // an append would encrypt a field for a subject whose key was destroyed
  kRateLimited,         // the identity asks or writes more often than it may
  kTooManyCalls,        // the identity has as many calls or streams under way as it may
  kUnimplemented,
  kInternal,
};

struct FieldViolation {
  std::string field;  // path in the request, for example "appends[2].events[0].data"
  std::string description;

  bool operator==(const FieldViolation&) const = default;
};

struct Conflict {
  std::string field;  // "", "appends[2]" or "checks[0]"
  Uuid aggregate_id;
  std::string expected;  // a number, or "existing"
  std::int32_t actual = 0;

  bool operator==(const Conflict&) const = default;
};

struct Error {
  Reason reason = Reason::kInternal;
  std::string message;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<FieldViolation> violations;
  std::vector<Conflict> conflicts;
  std::optional<std::int64_t> retry_after_ms;
};

// "VERSION_CONFLICT" and so on: the text of ErrorInfo.reason.
std::string_view ReasonName(Reason reason);

absl::Status ToStatus(const Error& error);

// The Error inside a status that ToStatus made; any other status becomes one with the nearest reason.
Error FromStatus(const absl::Status& status);

// Shorthands for the common shapes.
absl::Status InvalidField(const std::string& field, const std::string& description);
absl::Status LimitExceeded(const std::string& field, const std::string& limit, std::uint64_t size, std::uint64_t max);
absl::Status ErrorOf(Reason reason, const std::string& message);

}  // namespace eventstore::domain
