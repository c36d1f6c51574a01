// Read, decide, append: the loop every command handler of an event-sourced service needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/client.h"

namespace eventstore::client {

struct UpdateOptions {
  // Decisions before giving up with the last conflict; others may win that often.
  int max_decisions = 10;
  // `initial` holds the events up to this version already (a snapshot): only later ones are read.
  std::int32_t initial_version = 0;
  // For everything together. None: Options::call_timeout.
  std::optional<std::chrono::milliseconds> timeout = std::nullopt;
};

struct UpdateResult {
  // The aggregate's version that the last decision was made on, plus its events.
  std::int32_t version = 0;
  // What was appended; empty when the decision was to do nothing.
  std::vector<v1::AppendedEvent> appended = {};
  // How often it was decided; 1: no conflict.
  int decisions = 0;
};

namespace internal {
absl::StatusOr<UpdateResult> UpdateLoop(const EventStoreClient& client, const Aggregate& aggregate,
                                        const std::function<void(const v1::RecordedEvent&)>& apply,
                                        const std::function<absl::StatusOr<std::vector<v1::NewEvent>>()>& decide,
                                        const UpdateOptions& options);
}

// Folds the aggregate's events into `state` with apply(state, event), asks decide(state) for new events and appends
// them on condition that the aggregate has not changed meanwhile. If it has, the events that came in between are read
// and applied, and it is decided again.
//
//   apply:   void(State&, const v1::RecordedEvent&)
//   decide:  absl::StatusOr<std::vector<v1::NewEvent>>(const State&); an error ends the update and is returned as it
//            is; no events: nothing is appended. Called again after a conflict: no side effects.
//
// FAILED_PRECONDITION: the beginning of the aggregate is no longer stored; start from a snapshot (initial_version).
// After UNAVAILABLE, UNKNOWN or DEADLINE_EXCEEDED the events may have been written; a command that must not take effect
// twice is recognised in decide(), by something the command's first events carry.
template <typename State, typename Apply, typename Decide>
absl::StatusOr<UpdateResult> Update(const EventStoreClient& client, const Aggregate& aggregate, State state,
                                    Apply apply, Decide decide, const UpdateOptions& options = {}) {
  return internal::UpdateLoop(
      client, aggregate, [&](const v1::RecordedEvent& event) { apply(state, event); },
      [&]() -> absl::StatusOr<std::vector<v1::NewEvent>> { return decide(std::as_const(state)); }, options);
}

}  // namespace eventstore::client
