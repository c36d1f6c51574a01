#include "eventstore/update.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/src/retry.h"
#include "client/src/status.h"

namespace eventstore::client::internal {
namespace {

// What is left of the whole update, for the next call. 0 means "no limit" there, so at least 1 ms.
CallOptions Left(const Deadline& deadline) {
  const auto left = deadline.Remaining();
  return {.timeout = left ? std::max(*left, std::chrono::milliseconds(1)) : std::chrono::milliseconds(0)};
}

absl::Status BeginningIsGone(const Aggregate& aggregate, std::int32_t from, std::int32_t first) {
  return absl::FailedPreconditionError("aggregate " + aggregate.id + ": version " + std::to_string(from) +
                                       " is no longer stored, the oldest is " + std::to_string(first) +
                                       "; start from a snapshot (UpdateOptions::initial_version)");
}

// Reads what came after `version` and applies it; the aggregate's version then.
absl::StatusOr<std::int32_t> CatchUp(const EventStoreClient& client, const Aggregate& aggregate, std::int32_t version,
                                     const std::function<void(const v1::RecordedEvent&)>& apply,
                                     const CallOptions& call) {
  v1::GetAggregateStreamRequest request;
  request.set_aggregate_id(aggregate.id);
  request.set_from_version(version + 1);
  EventReader reader = client.ReadAggregate(request, call);
  for (const auto& event : reader) {
    if (!event.ok()) return event.status();
    // Versions have no gaps, so a jump means that retention has dropped what was between.
    if (event->version() != version + 1) return BeginningIsGone(aggregate, version + 1, event->version());
    apply(*event);
    version = event->version();
  }
  if (version < reader.current_version()) {
    return BeginningIsGone(aggregate, version + 1, reader.current_version() + 1);
  }
  return version;
}

}  // namespace

absl::StatusOr<UpdateResult> UpdateLoop(const EventStoreClient& client, const Aggregate& aggregate,
                                        const std::function<void(const v1::RecordedEvent&)>& apply,
                                        const std::function<absl::StatusOr<std::vector<v1::NewEvent>>()>& decide,
                                        const UpdateOptions& options) {
  const Options& defaults = client.options();
  const Deadline deadline(defaults.hooks, options.timeout.value_or(defaults.call_timeout));
  UpdateResult result{.version = options.initial_version};
  while (true) {
    const auto version = CatchUp(client, aggregate, result.version, apply, Left(deadline));
    if (!version.ok()) return version.status();
    result.version = *version;

    ++result.decisions;
    auto events = decide();
    if (!events.ok()) return events.status();
    if (events->empty()) return result;

    auto appended = client.Append(aggregate, VersionCheck::Exactly(result.version), *std::move(events), Left(deadline));
    if (appended.ok()) {
      result.version = appended->version();
      result.appended.assign(appended->events().begin(), appended->events().end());
      return result;
    }
    if (!AsVersionConflict(appended.status())) return appended.status();
    const std::string decisions = " (after " + std::to_string(result.decisions) + " decisions)";
    if (result.decisions >= options.max_decisions) return WithNote(appended.status(), decisions);
    if (const auto left = deadline.Remaining(); left && left->count() == 0) {
      return WithNote(appended.status(), decisions);
    }
  }
}

}  // namespace eventstore::client::internal
