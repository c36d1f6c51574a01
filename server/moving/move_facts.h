// What is so between the legacy table and the store: for the conditions of the cut-over and for whoever watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/cutover.h"
#include "server/moving/legacy_link.h"
#include "server/storage/session.h"

namespace eventstore::moving {

absl::StatusOr<domain::MoveFacts> ReadMoveFacts(storage::Session& session);

// The two sides, of one type, in the window; see legacy_compare().
struct TypeComparison {
  std::string event_type;
  std::int64_t legacy_rows = 0;
  std::int64_t store_events = 0;
  std::int64_t waiting = 0;
  std::int64_t missing_in_store = 0;
  std::int64_t missing_in_legacy = 0;
};

struct DualWriteStatus {
  std::optional<LegacyLink> link;
  domain::MoveFacts facts;
  // Since the oldest row that waits was written; 0: none does.
  double lag_seconds = 0;
  bool forwarder_running = false;
  // The newest reason why something could not be brought over; "" when there is none.
  std::string last_error;
  std::vector<TypeComparison> types;

  std::int64_t mismatches() const;
};

absl::StatusOr<DualWriteStatus> ReadDualWriteStatus(storage::Session& session, std::chrono::seconds window);

}  // namespace eventstore::moving
