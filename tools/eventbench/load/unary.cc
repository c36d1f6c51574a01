#include "tools/eventbench/load/unary.h"

namespace eventstore::eventbench {

void UnaryAppend::Prepare(v1::AppendRequest& request) { bench_.book.Begin(bench_.options, events_, sent_, request); }

std::unique_ptr<UnaryAppend::Reader> UnaryAppend::Call(grpc::ClientContext* context, const v1::AppendRequest& request,
                                                       grpc::CompletionQueue* queue) {
  return connection_.stub->PrepareAsyncAppend(context, request, queue);
}

Outcome UnaryAppend::Answered(const v1::AppendResponse& response) { return bench_.book.Acknowledged(sent_, response); }

void UnaryAppend::Failed(const Failure& failure) { bench_.book.Failed(sent_, failure); }

void BatchAppend::Prepare(v1::AppendBatchRequest& request) {
  const auto size = static_cast<std::size_t>(bench_.options.batch_size);
  sent_.resize(size);
  request.mutable_appends()->Clear();
  for (std::size_t i = 0; i < size; ++i) {
    v1::AppendRequest& append = *request.add_appends();
    bench_.book.Begin(bench_.options, 1, sent_[i], append);
    bench_.book.Chain(sent_, i, sent_[i], append);
  }
}

std::unique_ptr<BatchAppend::Reader> BatchAppend::Call(grpc::ClientContext* context,
                                                       const v1::AppendBatchRequest& request,
                                                       grpc::CompletionQueue* queue) {
  return connection_.stub->PrepareAsyncAppendBatch(context, request, queue);
}

Outcome BatchAppend::Answered(const v1::AppendBatchResponse& response) {
  if (response.results_size() != static_cast<int>(sent_.size())) return {.error = "WRONG_ANSWER"};
  Outcome all;
  for (int i = 0; i < response.results_size(); ++i) {
    Outcome one = bench_.book.Acknowledged(sent_[static_cast<std::size_t>(i)], response.results(i));
    all.events += one.events;
    if (!one.error.empty()) all.error = std::move(one.error);
  }
  return all;
}

void BatchAppend::Failed(const Failure& failure) {
  for (const SentAppend& sent : sent_) bench_.book.Failed(sent, failure);
}

void CountRead::Prepare(v1::CountEventsRequest& request) { request.set_user_id(bench_.maker.AnyUser()); }

std::unique_ptr<CountRead::Reader> CountRead::Call(grpc::ClientContext* context, const v1::CountEventsRequest& request,
                                                   grpc::CompletionQueue* queue) {
  return connection_.stub->PrepareAsyncCountEvents(context, request, queue);
}

Outcome CountRead::Answered(const v1::CountEventsResponse& /*response*/) { return {.events = 0}; }

void CountRead::Failed(const Failure& /*failure*/) {}

void Ping::Prepare(grpc::health::v1::HealthCheckRequest& /*request*/) {}

std::unique_ptr<Ping::Reader> Ping::Call(grpc::ClientContext* context,
                                         const grpc::health::v1::HealthCheckRequest& request,
                                         grpc::CompletionQueue* queue) {
  return connection_.health->PrepareAsyncCheck(context, request, queue);
}

Outcome Ping::Answered(const grpc::health::v1::HealthCheckResponse& /*response*/) { return {.events = 0}; }

void Ping::Failed(const Failure& /*failure*/) {}

}  // namespace eventstore::eventbench
