// The client of the event store. Requests and events are the messages of eventstore/v1/*.proto; what this class adds is
// deadlines, retries that are safe, errors as types (errors.h) and readers (event_reader.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/errors.h"
#include "eventstore/event_reader.h"
#include "eventstore/ids.h"
#include "eventstore/options.h"
#include "eventstore/v1/event_store.pb.h"
#include "eventstore/version_check.h"

namespace grpc {
class ChannelInterface;
}

namespace eventstore::client {

namespace internal {
class Core;
}

// The aggregate an append is for.
struct Aggregate {
  std::string id;    // UUID
  std::string type;  // known values: "entity", "relation", "user", "system"
};

// An event with a fresh id. `data`: JSON object text.
v1::NewEvent MakeEvent(const std::string& event_type, const std::string& data = "{}");

// Thread-safe; copies share one connection. No call is made before the first request, so construction cannot fail.
//
// Every append goes out with event ids: empty ones are filled in once, before the first attempt, so that a retry after
// a lost answer is recognised and cannot write twice. To repeat an append yourself after an error, set the ids
// yourself.
class EventStoreClient {
 public:
  explicit EventStoreClient(Options options = {});
  // Over a channel of your own (interceptors, a server in the same process); `target` and `credentials` are not used.
  EventStoreClient(const std::shared_ptr<grpc::ChannelInterface>& channel, Options options);

  // Appends 1..n events to one aggregate, all or nothing. A conflict is ABORTED, see AsVersionConflict().
  absl::StatusOr<v1::AppendResponse> Append(const Aggregate& aggregate, VersionCheck check,
                                            std::vector<v1::NewEvent> events, const CallOptions& call = {}) const;
  absl::StatusOr<v1::AppendResponse> Append(v1::AppendRequest request, const CallOptions& call = {}) const;

  // Appends to several aggregates and checks others, all or nothing.
  absl::StatusOr<v1::AppendBatchResponse> AppendBatch(v1::AppendBatchRequest request,
                                                      const CallOptions& call = {}) const;

  // The version an append has to expect now; 0 for an aggregate that does not exist.
  absl::StatusOr<v1::GetAggregateVersionResponse> GetVersion(const std::string& aggregate_id,
                                                             const CallOptions& call = {}) const;

  // An exact count, or counts per group.
  absl::StatusOr<v1::CountEventsResponse> Count(const v1::CountEventsRequest& request,
                                                const CallOptions& call = {}) const;

  // Replays one aggregate, from version 1 to the current one or as the request says.
  EventReader ReadAggregate(const std::string& aggregate_id, const CallOptions& call = {}) const;
  EventReader ReadAggregate(const v1::GetAggregateStreamRequest& request, const CallOptions& call = {}) const;
  // What one user did, in time order.
  EventReader ReadUser(const v1::GetUserStreamRequest& request, const CallOptions& call = {}) const;
  // A workflow in global order.
  EventReader ReadCorrelated(const v1::GetCorrelatedEventsRequest& request, const CallOptions& call = {}) const;
  // All events in global order, up to those that are certain now.
  EventReader ReadAll(const v1::ReadAllRequest& request, const CallOptions& call = {}) const;

  // With the defaults filled in.
  const Options& options() const;

 private:
  friend class AppendPipeline;
  friend class ConsumerGroups;
  friend class GroupConsumer;
  friend class Subscriber;
  std::shared_ptr<const internal::Core> core_;
};

}  // namespace eventstore::client
