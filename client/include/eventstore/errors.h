// Typed views of the errors the store answers with. A status that came from the server keeps its google.rpc details as
// payloads; these functions read them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace eventstore::client {

// An append or check expected another version than the aggregate has. Nothing was written: read the aggregate from
// there, decide again, append again. Update() in update.h does just that.
struct VersionConflict {
  struct Conflict {
    // Where in the request: "" for Append, "appends[2]" or "checks[0]" for AppendBatch.
    std::string field;
    std::string aggregate_id;
    // None: the request asked only that the aggregate exists.
    std::optional<std::int32_t> expected;
    // 0: the aggregate does not exist.
    std::int32_t actual = 0;
  };
  // Every append and check that failed, at least one.
  std::vector<Conflict> conflicts;
};

// Nothing unless `status` is a version conflict.
std::optional<VersionConflict> AsVersionConflict(const absl::Status& status);

// The reason, for example "EVENT_ID_CONFLICT"; docs/errors.md lists them. Empty: the error did not come from the store
// (a connection that failed, a proxy, a check of this library).
std::string ErrorReason(const absl::Status& status);

// The values the message of the error speaks of, for programs.
std::map<std::string, std::string> ErrorMetadata(const absl::Status& status);

struct FieldViolation {
  std::string field;  // path in the request, for example "events[3].data"
  std::string description;
};

// What is wrong with the request; empty unless the request was refused.
std::vector<FieldViolation> FieldViolations(const absl::Status& status);

// How long the server asks to wait before a retry.
std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status);

}  // namespace eventstore::client
