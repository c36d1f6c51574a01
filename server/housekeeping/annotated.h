// An error with what was being done before its message; its reason and SQLSTATE stay.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace eventstore::housekeeping {

inline absl::Status Annotated(const std::string& doing, const absl::Status& status) {
  absl::Status result(status.code(), doing + ": " + std::string(status.message()));
  status.ForEachPayload([&](auto url, const absl::Cord& payload) { result.SetPayload(url, payload); });
  return result;
}

}  // namespace eventstore::housekeeping
