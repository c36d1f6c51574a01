// A unary call: answered exactly once, from whatever thread, then deletes itself.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/service/call_count.h"
#include "server/service/handover.h"

namespace eventstore::service {

class UnaryCall : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(CallCount& calls, grpc::ByteBuffer* response) : counted_(calls), response_(response) { HandOver(this); }

  void Reply(const google::protobuf::Message& message);
  void Fail(const absl::Status& status);

  // Becomes true when the client has gone. Outlives the call.
  std::shared_ptr<const std::atomic<bool>> cancelled() const { return cancelled_; }

  void OnCancel() override {
    TakeOver(this);
    *cancelled_ = true;
  }
  void OnDone() override { delete this; }

 private:
  const CallCount::Call counted_;
  grpc::ByteBuffer* const response_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace eventstore::service
