// A fake of the generated service in this process, whose answers a test scripts: for what the client does when the
// server fails, which a real server cannot be made to do on cue. It keeps no events and decides nothing.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "eventstore/client.h"
#include "eventstore/v1/event_store.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace eventstore::client {

// A gRPC status with google.rpc details, as the server sends it.
class ErrorMaker {
 public:
  ErrorMaker(grpc::StatusCode code, const std::string& message) {
    status_.set_code(code);
    status_.set_message(message);
  }
  template <typename Detail>
  ErrorMaker& With(const Detail& detail) {
    status_.add_details()->PackFrom(detail);
    return *this;
  }
  ErrorMaker& Reason(const std::string& reason, const std::map<std::string, std::string>& metadata = {}) {
    google::rpc::ErrorInfo info;
    info.set_reason(reason);
    info.set_domain("eventstore.v1");
    info.mutable_metadata()->insert(metadata.begin(), metadata.end());
    return With(info);
  }
  ErrorMaker& RetryAfterMs(int ms) {
    google::rpc::RetryInfo info;
    info.mutable_retry_delay()->set_seconds(ms / 1000);
    info.mutable_retry_delay()->set_nanos(ms % 1000 * 1'000'000);
    return With(info);
  }
  grpc::Status Grpc() const {
    return {static_cast<grpc::StatusCode>(status_.code()), status_.message(), status_.SerializeAsString()};
  }

 private:
  google::rpc::Status status_;
};

// One method: answers in turn from `script`, the last of which is given again and again; keeps the requests.
template <typename Request, typename Reply>
class Scripted {
 public:
  using Answer = std::function<grpc::Status(grpc::ServerContext*, const Request&, Reply*)>;

  void Then(Answer answer) { script_.push_back(std::move(answer)); }
  void ThenFail(const grpc::Status& status) {
    Then([status](grpc::ServerContext*, const Request&, Reply*) { return status; });
  }

  grpc::Status Call(grpc::ServerContext* context, const Request& request, Reply* reply) {
    Answer answer;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      if (script_.empty()) return {grpc::StatusCode::INTERNAL, "the test has scripted no answer"};
      answer = script_.front();
      if (script_.size() > 1) script_.pop_front();
    }
    return answer(context, request, reply);
  }

  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Answer> script_;
  std::vector<Request> requests_;
};

class FakeEventStore : public v1::EventStore::Service {
 public:
  Scripted<v1::AppendRequest, v1::AppendResponse> append;
  Scripted<v1::AppendBatchRequest, v1::AppendBatchResponse> append_batch;
  Scripted<v1::GetAggregateVersionRequest, v1::GetAggregateVersionResponse> version;
  Scripted<v1::CountEventsRequest, v1::CountEventsResponse> count;
  Scripted<v1::GetAggregateStreamRequest, grpc::ServerWriter<v1::GetAggregateStreamResponse>> aggregate;
  Scripted<v1::GetUserStreamRequest, grpc::ServerWriter<v1::GetUserStreamResponse>> user;
  Scripted<v1::GetCorrelatedEventsRequest, grpc::ServerWriter<v1::GetCorrelatedEventsResponse>> correlated;
  Scripted<v1::ReadAllRequest, grpc::ServerWriter<v1::ReadAllResponse>> all;
  // The request is empty: what a stream brings is read by the answer.
  Scripted<v1::AppendStreamRequest, grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendStreamRequest>>
      append_stream;

 private:
  grpc::Status Append(grpc::ServerContext* context, const v1::AppendRequest* request,
                      v1::AppendResponse* response) override {
    return append.Call(context, *request, response);
  }
  grpc::Status AppendBatch(grpc::ServerContext* context, const v1::AppendBatchRequest* request,
                           v1::AppendBatchResponse* response) override {
    return append_batch.Call(context, *request, response);
  }
  grpc::Status AppendStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendStreamRequest>* stream) override {
    return append_stream.Call(context, {}, stream);
  }
  grpc::Status GetAggregateVersion(grpc::ServerContext* context, const v1::GetAggregateVersionRequest* request,
                                   v1::GetAggregateVersionResponse* response) override {
    return version.Call(context, *request, response);
  }
  grpc::Status CountEvents(grpc::ServerContext* context, const v1::CountEventsRequest* request,
                           v1::CountEventsResponse* response) override {
    return count.Call(context, *request, response);
  }
  grpc::Status GetAggregateStream(grpc::ServerContext* context, const v1::GetAggregateStreamRequest* request,
                                  grpc::ServerWriter<v1::GetAggregateStreamResponse>* writer) override {
    return aggregate.Call(context, *request, writer);
  }
  grpc::Status GetUserStream(grpc::ServerContext* context, const v1::GetUserStreamRequest* request,
                             grpc::ServerWriter<v1::GetUserStreamResponse>* writer) override {
    return user.Call(context, *request, writer);
  }
  grpc::Status GetCorrelatedEvents(grpc::ServerContext* context, const v1::GetCorrelatedEventsRequest* request,
                                   grpc::ServerWriter<v1::GetCorrelatedEventsResponse>* writer) override {
    return correlated.Call(context, *request, writer);
  }
  grpc::Status ReadAll(grpc::ServerContext* context, const v1::ReadAllRequest* request,
                       grpc::ServerWriter<v1::ReadAllResponse>* writer) override {
    return all.Call(context, *request, writer);
  }
};

// Time that passes only while the client sleeps.
struct FakeTime {
  std::mutex mutex;
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  std::vector<std::chrono::milliseconds> sleeps;

  void Pass(std::chrono::milliseconds time) {
    const std::lock_guard lock(mutex);
    now += time;
  }

  Hooks MakeHooks() {
    Hooks hooks;
    hooks.now = [this] {
      const std::lock_guard lock(mutex);
      return now;
    };
    hooks.sleep = [this](std::chrono::milliseconds time) {
      const std::lock_guard lock(mutex);
      sleeps.push_back(time);
      now += time;
    };
    hooks.random = [] { return 0.5; };
    return hooks;
  }
};

// A fake served in this process, and a client of it.
class FakeServer {
 public:
  explicit FakeServer(grpc::Service* service) {
    grpc::ServerBuilder builder;
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { server_->Shutdown(std::chrono::system_clock::now()); }

  EventStoreClient MakeClient(Options options = {}) {
    options.hooks = time.MakeHooks();
    return {server_->InProcessChannel(grpc::ChannelArguments()), options};
  }

  FakeTime time;

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace eventstore::client
