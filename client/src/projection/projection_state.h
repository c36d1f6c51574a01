// What is below a Projection: one connection, one lock and one subscription at a time, made anew whenever one of them breaks.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "client/src/projection/place.h"
#include "client/src/retry.h"
#include "eventstore/projection.h"
#include "eventstore/subscriber.h"

namespace eventstore::client::internal {

class ProjectionState {
 public:
  ProjectionState(const EventStoreClient& client, v1::SubscribeRequest request, ProjectionOptions options);

  absl::Status Run(const Projection::Handler& handler);
  void Stop();

 private:
  // How one connection ended. `again`: what broke can be made anew.
  struct Ended {
    absl::Status status;
    bool again = false;
  };

  Ended Serve(const Projection::Handler& handler);
  // False: it was stopped meanwhile.
  bool AwaitLock(pqxx::connection& connection);
  Ended Follow(pqxx::connection& connection, const Projection::Handler& handler);
  Ended ApplyBatch(pqxx::connection& connection, const Projection::Handler& handler, Subscriber& subscriber,
                   Delivery delivery);
  Ended Note(pqxx::connection& connection, std::int64_t position);
  Ended Commit(pqxx::work& tx, std::int64_t position);
  absl::Status Explained(const absl::Status& status) const;
  void SetSubscriber(Subscriber* subscriber);
  bool stopping() const;

  const EventStoreClient client_;
  const v1::SubscribeRequest request_;
  const ProjectionOptions options_;
  const Options endless_;  // the client's, without an end of attempts
  Place place_;
  bool progress_ = false;  // something was committed since the last pause

  mutable std::mutex mutex_;
  Subscriber* subscriber_ = nullptr;  // guarded by mutex_, for Stop()
  bool stopping_ = false;             // guarded by mutex_
};

}  // namespace eventstore::client::internal
