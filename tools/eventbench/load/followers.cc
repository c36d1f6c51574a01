#include "tools/eventbench/load/followers.h"

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <utility>

#include "eventstore/v1/subscriptions.grpc.pb.h"
#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/failure.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::milliseconds kLook{5};
constexpr std::chrono::seconds kPatience{10};

bool AwaitUntil(const std::function<bool()>& done) {
  const Instant end = Clock::now() + kPatience;
  while (!done()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

class Follower {
 public:
  Follower(v1::Subscriptions::Stub& stub, const v1::SubscribeRequest& request, grpc::CompletionQueue& queue,
           DeliveryClock* clock, std::atomic<int>& live, std::atomic<int>& failed, std::atomic<int>& ended)
      : clock_(clock),
        live_(live),
        failed_(failed),
        ended_(ended),
        reader_(stub.PrepareAsyncSubscribe(&context_, request, &queue)) {
    reader_->StartCall(static_cast<Completion*>(&started_));
  }

  void Cancel() {
    ending_ = true;
    context_.TryCancel();
  }

 private:
  void Started(bool ok) {
    if (!ok) return Finish();
    reader_->Read(&message_, static_cast<Completion*>(&came_));
  }
  void Came(bool ok) {
    if (!ok) return Finish();
    if (message_.has_caught_up() && !std::exchange(live_already_, true)) ++live_;
    if (clock_ != nullptr) {
      const Instant now = Clock::now();
      for (const auto& event : message_.events().events()) clock_->Delivered(event.global_position(), now);
    }
    reader_->Read(&message_, static_cast<Completion*>(&came_));
  }
  void Finish() { reader_->Finish(&status_, static_cast<Completion*>(&finished_)); }
  void Finished(bool /*ok*/) {
    if (!ending_) ++failed_;
    ++ended_;
  }

  DeliveryClock* const clock_;  // none: what comes is only taken
  std::atomic<int>& live_;
  std::atomic<int>& failed_;
  std::atomic<int>& ended_;
  std::atomic<bool> ending_ = false;
  bool live_already_ = false;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::SubscribeResponse>> reader_;
  v1::SubscribeResponse message_;
  grpc::Status status_;
  Bound<&Follower::Started> started_{this};
  Bound<&Follower::Came> came_{this};
  Bound<&Follower::Finished> finished_{this};
};

Followers::Followers(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                     DeliveryClock& clock)
    : clock_(clock) {
  for (int i = 0; i < options.follow; ++i) {
    const auto stub = v1::Subscriptions::NewStub(channels[static_cast<std::size_t>(i) % channels.size()]);
    v1::SubscribeRequest request;
    request.mutable_from_now();
    if (i > 0) request.mutable_filter()->add_user_ids(fmt::format("user-{}", i % options.users));
    followers_.push_back(
        std::make_unique<Follower>(*stub, request, queue_, i == 0 ? &clock_ : nullptr, live_, failed_, ended_));
  }
  thread_ = std::thread([this] { Run(); });
}

Followers::~Followers() {
  for (const auto& follower : followers_) follower->Cancel();
  // Nothing may be asked of a queue that was shut down.
  while (ended_ < static_cast<int>(followers_.size())) std::this_thread::sleep_for(kLook);
  queue_.Shutdown();
  thread_.join();
}

void Followers::Run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) static_cast<Completion*>(tag)->Done(ok);
}

absl::Status Followers::AwaitLive() {
  const int all = static_cast<int>(followers_.size());
  if (AwaitUntil([&] { return live_ == all || failed_ > 0; }) && failed_ == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{} of {} subscribers caught up, {} were ended by the server", live_.load(), all, failed_.load()));
}

absl::Status Followers::Finish() {
  AwaitUntil([&] { return clock_.undelivered() == 0 || failed_ > 0; });
  if (failed_ == 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{} of {} subscribers were ended by the server", failed_.load(), followers_.size()));
}

}  // namespace eventstore::eventbench
