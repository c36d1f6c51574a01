#include "server/service/subscriptions_service.h"

#include "server/service/translate.h"

namespace eventstore::service {

grpc::ServerWriteReactor<grpc::ByteBuffer>* SubscriptionsService::Subscribe(grpc::CallbackServerContext* /*context*/,
                                                                            const grpc::ByteBuffer* request) {
  v1::SubscribeRequest message;
  if (absl::Status parsed = parser_.Parse(*request, &message); !parsed.ok()) {
    return SubscribeStream::Begin(parts_, parsed);
  }
  return SubscribeStream::Begin(parts_, FromProto(message));
}

}  // namespace eventstore::service
