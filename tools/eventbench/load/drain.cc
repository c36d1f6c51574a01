#include "tools/eventbench/load/drain.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "eventstore/v1/event_store.grpc.pb.h"
#include "eventstore/v1/subscriptions.grpc.pb.h"
#include "tools/eventbench/load/failure.h"
#include "tools/eventbench/measure/recorder.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::milliseconds kMoment{50};

absl::Status ErrorOf(const std::string& what, const grpc::Status& status) {
  const Failure failure = FailureOf(status);
  const auto code = status.error_code() == grpc::StatusCode::UNAVAILABLE ? absl::StatusCode::kUnavailable
                                                                         : absl::StatusCode::kInternal;
  return {code, fmt::format("{}: {}: {}", what, failure.reason, failure.message)};
}

using Channels = std::vector<std::shared_ptr<grpc::Channel>>;

// What all threads of a drain share.
class Drainage {
 public:
  Drainage(const Options& options, const Channels& channels, const std::function<bool(const DrainFigures&)>& on_moment)
      : options_(options), on_moment_(on_moment) {
    for (const auto& channel : channels) stubs_.push_back(v1::Subscriptions::NewStub(channel));
    store_ = v1::EventStore::NewStub(channels.front());
  }

  absl::StatusOr<DrainFigures> Run() {
    if (absl::Status counted = Count(); !counted.ok()) return counted;
    const bool group = options_.drain == Drain::kGroup;
    if (absl::Status made = group ? MakeGroup() : absl::OkStatus(); !made.ok()) return made;
    begin_ = Clock::now();
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < (group ? static_cast<std::size_t>(options_.consumers) : 1); ++i) {
      contexts_.push_back(std::make_unique<grpc::ClientContext>());
      v1::Subscriptions::Stub& stub = *stubs_[i % stubs_.size()];
      grpc::ClientContext& context = *contexts_.back();
      threads.emplace_back(
          [this, group, &stub, &context] { group ? Consume(stub, context) : Subscribe(stub, context); });
    }
    Watch();
    for (auto& context : contexts_) context->TryCancel();
    for (auto& thread : threads) thread.join();
    if (group) DeleteGroup();
    if (!failed_.ok() && !done()) return failed_;
    return figures_;
  }

 private:
  absl::Status Count() {
    grpc::ClientContext context;
    v1::CountEventsResponse answer;
    const grpc::Status status = store_->CountEvents(&context, {}, &answer);
    figures_.events_all = answer.count();
    return status.ok() ? absl::OkStatus() : ErrorOf("CountEvents", status);
  }

  absl::Status MakeGroup() {
    group_ = fmt::format("eventbench-{:08x}", std::random_device()());
    grpc::ClientContext context;
    v1::CreateConsumerGroupRequest request;
    v1::CreateConsumerGroupResponse answer;
    request.set_name(group_);
    request.mutable_from_beginning();
    const grpc::Status status = stubs_.front()->CreateConsumerGroup(&context, request, &answer);
    return status.ok() ? absl::OkStatus() : ErrorOf("CreateConsumerGroup", status);
  }

  void DeleteGroup() {
    grpc::ClientContext context;
    v1::DeleteConsumerGroupRequest request;
    v1::DeleteConsumerGroupResponse answer;
    request.set_name(group_);
    // A group that is left behind is seen in the list, under this program's name.
    (void)stubs_.front()->DeleteConsumerGroup(&context, request, &answer);
  }

  bool done() const { return events_ >= figures_.events_all; }

  void Subscribe(v1::Subscriptions::Stub& stub, grpc::ClientContext& context) {
    v1::SubscribeRequest request;
    request.mutable_from_beginning();
    const auto reader = stub.Subscribe(&context, request);
    v1::SubscribeResponse message;
    while (!done() && reader->Read(&message)) Took(message.events().events_size());
    context.TryCancel();
    while (reader->Read(&message)) {
    }
    Ended("Subscribe", reader->Finish());
  }

  void Consume(v1::Subscriptions::Stub& stub, grpc::ClientContext& context) {
    const auto stream = stub.Consume(&context);
    v1::ConsumeRequest request;
    request.mutable_join()->set_group(group_);
    request.mutable_join()->set_consumer_name("eventbench");
    request.mutable_join()->set_max_in_flight(10'000);
    stream->Write(request);
    v1::ConsumeResponse message;
    while (!done() && stream->Read(&message)) {
      if (!message.has_deliveries()) continue;
      request.Clear();
      for (const auto& delivery : message.deliveries().deliveries()) {
        request.mutable_ack()->add_delivery_ids(delivery.delivery_id());
      }
      stream->Write(request);
      Took(message.deliveries().deliveries_size());
    }
    context.TryCancel();
    while (stream->Read(&message)) {
    }
    Ended("Consume", stream->Finish());
  }

  void Took(int events) {
    if (events == 0) return;
    const Instant now = Clock::now();
    events_ += events;
    last_ = now.time_since_epoch().count();
  }

  void Ended(const char* what, const grpc::Status& status) {
    const std::scoped_lock lock(mutex_);
    if (failed_.ok()) failed_ = ErrorOf(what, status);
    ++ended_;
  }

  void Watch() {
    for (bool on = true; on;) {
      std::this_thread::sleep_for(kMoment);
      figures_.events = events_;
      figures_.seconds = std::chrono::duration<double>(Clock::duration(last_) - begin_.time_since_epoch()).count();
      on = on_moment_(figures_) && !done() && ended_ == 0;
    }
    figures_.events = events_;
    figures_.seconds = std::chrono::duration<double>(Clock::duration(last_) - begin_.time_since_epoch()).count();
  }

  const Options& options_;
  const std::function<bool(const DrainFigures&)>& on_moment_;
  std::vector<std::unique_ptr<v1::Subscriptions::Stub>> stubs_;
  std::unique_ptr<v1::EventStore::Stub> store_;
  std::string group_;
  Instant begin_;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  std::atomic<std::int64_t> events_ = 0;
  std::atomic<Clock::rep> last_ = 0;  // when something came last
  std::atomic<int> ended_ = 0;
  DrainFigures figures_;

  std::mutex mutex_;
  absl::Status failed_ = absl::OkStatus();
};

}  // namespace

absl::StatusOr<DrainFigures> DrainStore(const Options& options, const Channels& channels,
                                        const std::function<bool(const DrainFigures&)>& on_moment) {
  return Drainage(options, channels, on_moment).Run();
}

}  // namespace eventstore::eventbench
