// Operations of one request and one answer: Append, AppendBatch, CountEvents, a health check.
#pragma once

#include <optional>
#include <vector>

#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/operation.h"

namespace eventstore::eventbench {

template <typename RequestType, typename ResponseType>
class UnaryOperation : public Operation {
 public:
  UnaryOperation(Workbench& bench, Connection& connection, OperationListener& listener)
      : bench_(bench), connection_(connection), listener_(listener) {}

  void Start() final {
    Prepare(request_);
    context_.emplace();
    context_->set_deadline(DeadlineOf(bench_.options));
    reader_ = Call(&*context_, request_, &bench_.queue);
    reader_->StartCall();
    reader_->Finish(&response_, &status_, static_cast<Completion*>(&done_));
  }

 protected:
  using Reader = grpc::ClientAsyncResponseReader<ResponseType>;

  virtual void Prepare(RequestType& request) = 0;
  virtual std::unique_ptr<Reader> Call(grpc::ClientContext* context, const RequestType& request,
                                       grpc::CompletionQueue* queue) = 0;
  virtual Outcome Answered(const ResponseType& response) = 0;
  virtual void Failed(const Failure& failure) = 0;

  Workbench& bench_;
  Connection& connection_;

 private:
  void Done(bool /*ok*/) {
    reader_.reset();
    if (status_.ok()) {
      listener_.Ended(Answered(response_), nullptr);
      return;
    }
    const Failure failure = FailureOf(status_);
    Failed(failure);
    listener_.Ended({.error = failure.reason}, &failure);
  }

  OperationListener& listener_;
  // Kept from call to call, with the memory their fields have.
  RequestType request_;
  ResponseType response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<Reader> reader_;
  Bound<&UnaryOperation::Done> done_{this};
};

class UnaryAppend final : public UnaryOperation<v1::AppendRequest, v1::AppendResponse> {
 public:
  UnaryAppend(Workbench& bench, Connection& connection, OperationListener& listener, int events)
      : UnaryOperation(bench, connection, listener), events_(events) {}

 private:
  void Prepare(v1::AppendRequest& request) override;
  std::unique_ptr<Reader> Call(grpc::ClientContext* context, const v1::AppendRequest& request,
                               grpc::CompletionQueue* queue) override;
  Outcome Answered(const v1::AppendResponse& response) override;
  void Failed(const Failure& failure) override;

  const int events_;
  SentAppend sent_;
};

class BatchAppend final : public UnaryOperation<v1::AppendBatchRequest, v1::AppendBatchResponse> {
 public:
  using UnaryOperation::UnaryOperation;

 private:
  void Prepare(v1::AppendBatchRequest& request) override;
  std::unique_ptr<Reader> Call(grpc::ClientContext* context, const v1::AppendBatchRequest& request,
                               grpc::CompletionQueue* queue) override;
  Outcome Answered(const v1::AppendBatchResponse& response) override;
  void Failed(const Failure& failure) override;

  std::vector<SentAppend> sent_;
};

class CountRead final : public UnaryOperation<v1::CountEventsRequest, v1::CountEventsResponse> {
 public:
  using UnaryOperation::UnaryOperation;

 private:
  void Prepare(v1::CountEventsRequest& request) override;
  std::unique_ptr<Reader> Call(grpc::ClientContext* context, const v1::CountEventsRequest& request,
                               grpc::CompletionQueue* queue) override;
  Outcome Answered(const v1::CountEventsResponse& response) override;
  void Failed(const Failure& failure) override;
};

class Ping final : public UnaryOperation<grpc::health::v1::HealthCheckRequest, grpc::health::v1::HealthCheckResponse> {
 public:
  using UnaryOperation::UnaryOperation;

 private:
  void Prepare(grpc::health::v1::HealthCheckRequest& request) override;
  std::unique_ptr<Reader> Call(grpc::ClientContext* context, const grpc::health::v1::HealthCheckRequest& request,
                               grpc::CompletionQueue* queue) override;
  Outcome Answered(const grpc::health::v1::HealthCheckResponse& response) override;
  void Failed(const Failure& failure) override;
};

}  // namespace eventstore::eventbench
