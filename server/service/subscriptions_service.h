// eventstore.v1.Subscriptions: parses, hands over, answers. What asks about groups runs on the reading pool; no method
// blocks a gRPC thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "eventstore/v1/subscriptions.grpc.pb.h"
#include "server/service/consume_stream.h"
#include "server/service/request_parser.h"
#include "server/service/subscribe_stream.h"
#include "server/service/unary_call.h"

namespace eventstore::service {

using RawGroups = v1::Subscriptions::WithRawCallbackMethod_CreateConsumerGroup<
    v1::Subscriptions::WithRawCallbackMethod_ListConsumerGroups<
        v1::Subscriptions::WithRawCallbackMethod_GetConsumerGroup<
            v1::Subscriptions::WithRawCallbackMethod_UpdateConsumerGroup<
                v1::Subscriptions::WithRawCallbackMethod_DeleteConsumerGroup<
                    v1::Subscriptions::WithRawCallbackMethod_ResetConsumerGroup<
                        v1::Subscriptions::WithRawCallbackMethod_ListParkedEvents<
                            v1::Subscriptions::WithRawCallbackMethod_ReplayParkedEvents<
                                v1::Subscriptions::WithRawCallbackMethod_DiscardParkedEvents<
                                    v1::Subscriptions::Service>>>>>>>>>;
using RawSubscriptions =
    v1::Subscriptions::WithRawCallbackMethod_Subscribe<v1::Subscriptions::WithRawCallbackMethod_Consume<RawGroups>>;

class SubscriptionsService final : public RawSubscriptions {
 public:
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  SubscriptionsService(SubscribeParts parts, subscriptions::GroupCoordinator& groups, domain::IdMaker& ids)
      : parts_(parts), groups_(groups), ids_(ids) {}

  grpc::ServerWriteReactor<Bytes>* Subscribe(Context* context, const Bytes* request) override;
  grpc::ServerBidiReactor<Bytes, Bytes>* Consume(Context* context) override;

  Unary* CreateConsumerGroup(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListConsumerGroups(Context* context, const Bytes* request, Bytes* response) override;
  Unary* GetConsumerGroup(Context* context, const Bytes* request, Bytes* response) override;
  Unary* UpdateConsumerGroup(Context* context, const Bytes* request, Bytes* response) override;
  Unary* DeleteConsumerGroup(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ResetConsumerGroup(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ListParkedEvents(Context* context, const Bytes* request, Bytes* response) override;
  Unary* ReplayParkedEvents(Context* context, const Bytes* request, Bytes* response) override;
  Unary* DiscardParkedEvents(Context* context, const Bytes* request, Bytes* response) override;

 private:
  // Parses a Request, makes a query of it by `parse`, and answers with the Response that `run` makes of that on the
  // reading pool.
  template <typename Request, typename Response, typename Parse, typename Run>
  Unary* Ask(Rpc rpc, Context* context, const Bytes* request, Bytes* response, Parse parse, Run run);

  const SubscribeParts parts_;
  subscriptions::GroupCoordinator& groups_;
  domain::IdMaker& ids_;
  const RequestParser parser_;
};

}  // namespace eventstore::service
