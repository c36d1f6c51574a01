// A unary call: answered exactly once, from whatever thread, then deletes itself.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "server/service/handover.h"
#include "server/service/observed_call.h"

namespace eventstore::service {

class UnaryCall : public Observed<grpc::ServerUnaryReactor> {
 public:
  UnaryCall(const CallBook& book, Rpc rpc, grpc::CallbackServerContext& context, grpc::ByteBuffer* response)
      : Observed(book, book.gate.Admit(rpc, context), context), response_(response) {
    HandOver(this);
  }

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
  grpc::ByteBuffer* const response_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace eventstore::service
