// eventstore.v1.Subscriptions.
#pragma once

#include <grpcpp/grpcpp.h>

#include "eventstore/v1/subscriptions.grpc.pb.h"
#include "server/service/request_parser.h"
#include "server/service/subscribe_stream.h"

namespace eventstore::service {

using RawSubscriptions = v1::Subscriptions::WithRawCallbackMethod_Subscribe<v1::Subscriptions::Service>;

class SubscriptionsService final : public RawSubscriptions {
 public:
  explicit SubscriptionsService(SubscribeParts parts) : parts_(parts) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request) override;

 private:
  const SubscribeParts parts_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
