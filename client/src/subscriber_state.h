// The stream below a Subscriber, and where the next one begins.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "client/src/core.h"
#include "eventstore/subscriber.h"
#include "eventstore/v1/subscriptions.grpc.pb.h"

namespace eventstore::client::internal {

class SubscriberState {
 public:
  SubscriberState(std::shared_ptr<const Core> core, v1::SubscribeRequest request);
  ~SubscriberState();

  std::optional<absl::StatusOr<Delivery>> Next();
  bool HasNext() const { return !over_ && message_.has_events() && next_event_ < message_.events().events_size(); }
  void Cancel();

 private:
  // False: it was cancelled.
  bool Open();
  // The stream has ended: OK when it is to be opened again.
  absl::Status AfterEnd();
  // Nothing: the message is only a sign of life.
  std::optional<Delivery> Take();
  Delivery At(Delivery::Kind kind, std::int64_t position);

  const std::shared_ptr<const Core> core_;
  const Options endless_;  // the client's, without an end of attempts
  RetryLoop retries_;
  v1::SubscribeRequest request_;

  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> stream_;  // null: closed
  v1::SubscribeResponse message_;
  int next_event_ = 0;  // in message_
  bool over_ = false;

  std::mutex mutex_;                              // Cancel() comes from other threads
  std::unique_ptr<grpc::ClientContext> context_;  // guarded by mutex_ for TryCancel; replaced in Open()
  bool cancelled_ = false;                        // guarded by mutex_
};

}  // namespace eventstore::client::internal
