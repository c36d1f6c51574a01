// Consumer groups: making, looking at and changing them. To be a consumer of one: group_consumer.h.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eventstore/client.h"
#include "eventstore/v1/subscriptions.pb.h"

namespace eventstore::client {

// Thread-safe; copies share the client's connection. GROUP_NOT_FOUND (NOT_FOUND) and GROUP_EXISTS (ALREADY_EXISTS) are
// reasons, see ErrorReason(). UNAVAILABLE is tried again as for reads; every call here can be repeated.
class ConsumerGroups {
 public:
  explicit ConsumerGroups(const EventStoreClient& client);

  // To repeat it with the same settings gives the same answer.
  absl::StatusOr<v1::ConsumerGroup> Create(const v1::CreateConsumerGroupRequest& request,
                                           const CallOptions& call = {}) const;
  // All of them by name, however the server pages them. `with_lag`: counted for each, which takes a while.
  absl::StatusOr<std::vector<v1::ConsumerGroup>> List(const std::string& name_prefix = "", bool with_lag = true,
                                                      const CallOptions& call = {}) const;
  absl::StatusOr<v1::ConsumerGroup> Get(const std::string& name, const CallOptions& call = {}) const;
  // Replaces all settings.
  absl::StatusOr<v1::ConsumerGroup> Update(const std::string& name, const v1::ConsumerGroupSettings& settings,
                                           const CallOptions& call = {}) const;
  // OK also when an attempt whose answer was lost had deleted it.
  absl::Status Delete(const std::string& name, const CallOptions& call = {}) const;
  absl::StatusOr<v1::ConsumerGroup> Reset(const v1::ResetConsumerGroupRequest& request,
                                          const CallOptions& call = {}) const;

  // One page: page_token goes on from the page before.
  absl::StatusOr<v1::ListParkedEventsResponse> ListParked(const v1::ListParkedEventsRequest& request,
                                                          const CallOptions& call = {}) const;
  // How many of them will be delivered again.
  absl::StatusOr<std::int64_t> ReplayParked(const std::string& group, const v1::ParkedSelection& selection,
                                            const CallOptions& call = {}) const;
  // How many of them are gone.
  absl::StatusOr<std::int64_t> DiscardParked(const std::string& group, const v1::ParkedSelection& selection,
                                             const CallOptions& call = {}) const;

 private:
  std::shared_ptr<const internal::Core> core_;
};

}  // namespace eventstore::client
