// TimescaleDB's own background jobs on events_v2, which the Community edition alone has. They can fail without anybody
// noticing, so the housekeeper looks after them and does their work where they do not.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// As store_identity.edition has it.
inline constexpr char kCommunityEdition[] = "timescale";

struct NativePolicy {
  int job = 0;
  std::string procedure;  // "policy_compression"
  bool healthy = true;
  std::string problem;  // why it is not, for people
};

// For the Community edition alone; where there are no policies, the list is empty.
absl::StatusOr<std::vector<NativePolicy>> NativePolicies(Session& session);

// Lets events_v2 be compressed, if it cannot be yet: rows of an aggregate together, in order. Community edition alone.
absl::Status EnableCompression(Session& session);
// The same of another table in the schema public: rows that have `by` in common together, in the order of `order`.
absl::Status EnableCompression(Session& session, const std::string& table, const std::string& by,
                               const std::string& order);

}  // namespace eventstore::storage
