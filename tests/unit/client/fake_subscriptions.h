// As fake_event_store.h: subscriptions and consumer groups, whose answers a test scripts.
#pragma once

#include "eventstore/v1/subscriptions.grpc.pb.h"
#include "tests/unit/client/fake_event_store.h"

namespace eventstore::client {

class FakeSubscriptions : public v1::Subscriptions::Service {
 public:
  using ConsumeStream = grpc::ServerReaderWriter<v1::ConsumeResponse, v1::ConsumeRequest>;

  Scripted<v1::SubscribeRequest, grpc::ServerWriter<v1::SubscribeResponse>> subscribe;
  // The request is empty: what a stream brings is read by the answer.
  Scripted<v1::ConsumeRequest, ConsumeStream> consume;
  Scripted<v1::CreateConsumerGroupRequest, v1::CreateConsumerGroupResponse> create;
  Scripted<v1::ListConsumerGroupsRequest, v1::ListConsumerGroupsResponse> list;
  Scripted<v1::DeleteConsumerGroupRequest, v1::DeleteConsumerGroupResponse> remove;
  Scripted<v1::ReplayParkedEventsRequest, v1::ReplayParkedEventsResponse> replay;

 private:
  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::SubscribeResponse>* writer) override {
    return subscribe.Call(context, *request, writer);
  }
  grpc::Status Consume(grpc::ServerContext* context, ConsumeStream* stream) override {
    return consume.Call(context, {}, stream);
  }
  grpc::Status CreateConsumerGroup(grpc::ServerContext* context, const v1::CreateConsumerGroupRequest* request,
                                   v1::CreateConsumerGroupResponse* response) override {
    return create.Call(context, *request, response);
  }
  grpc::Status ListConsumerGroups(grpc::ServerContext* context, const v1::ListConsumerGroupsRequest* request,
                                  v1::ListConsumerGroupsResponse* response) override {
    return list.Call(context, *request, response);
  }
  grpc::Status DeleteConsumerGroup(grpc::ServerContext* context, const v1::DeleteConsumerGroupRequest* request,
                                   v1::DeleteConsumerGroupResponse* response) override {
    return remove.Call(context, *request, response);
  }
  grpc::Status ReplayParkedEvents(grpc::ServerContext* context, const v1::ReplayParkedEventsRequest* request,
                                  v1::ReplayParkedEventsResponse* response) override {
    return replay.Call(context, *request, response);
  }
};

}  // namespace eventstore::client
