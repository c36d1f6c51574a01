// What became of a COMMIT whose answer was lost.
#pragma once

#include <chrono>
#include <functional>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/decide.h"
#include "server/storage/session.h"

namespace eventstore::storage {

using Sleeper = std::function<void(std::chrono::milliseconds)>;

// Waits until transaction `stamp.xid` has ended (a backend may outlive its client for a while), then looks whether
// `row` is stored: the data is the truth, also after a fail-over to a server that never had the transaction. Reconnects
// as often as needed for `patience`; an error means that it could not be found out: COMMIT_UNKNOWN.
absl::StatusOr<bool> WasCommitted(Session& session, const domain::Stamp& stamp, const domain::AppendedEvent& row,
                                  std::chrono::milliseconds patience, const domain::Clock& clock, const Sleeper& sleep);

}  // namespace eventstore::storage
