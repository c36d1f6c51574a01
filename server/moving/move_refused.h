// The error of a step that is not taken because a condition does not hold: FAILED_PRECONDITION, and told from others by a
// payload. It never leaves eventctl: no server takes these steps.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace eventstore::moving {

inline constexpr char kMoveRefusedUrl[] = "eventstore/move-refused";

inline absl::Status MoveRefused(const std::string& message) {
  absl::Status status = absl::FailedPreconditionError(message);
  status.SetPayload(kMoveRefusedUrl, absl::Cord("1"));
  return status;
}

inline bool IsMoveRefused(const absl::Status& status) { return status.GetPayload(kMoveRefusedUrl).has_value(); }

}  // namespace eventstore::moving
