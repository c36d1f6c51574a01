#include "client/src/group_state.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <limits>
#include <string>
#include <utility>

#include "client/src/status.h"

namespace eventstore::client::internal {
namespace {

Options WithoutEnd(Options options) {
  options.retry.max_attempts = std::numeric_limits<int>::max();
  return options;
}

// What the server takes of a reason, in bytes. A longer one would end the call.
constexpr std::size_t kMostReason = 1'000;

std::string Shortened(const std::string& reason) {
  if (reason.size() <= kMostReason) return reason;
  std::size_t end = kMostReason;
  // Not within a character: bytes 10xxxxxx go on with one.
  while (end > 0 && (static_cast<unsigned char>(reason[end]) & 0xC0) == 0x80) --end;
  return reason.substr(0, end);
}

v1::ConsumeRequest::Nack::Action ActionOf(GroupAnswer::Kind kind) {
  switch (kind) {
    case GroupAnswer::Kind::kRetry:
      return v1::ConsumeRequest::Nack::ACTION_RETRY;
    case GroupAnswer::Kind::kPark:
      return v1::ConsumeRequest::Nack::ACTION_PARK;
    case GroupAnswer::Kind::kSkip:
      return v1::ConsumeRequest::Nack::ACTION_SKIP;
    case GroupAnswer::Kind::kAck:
      break;
  }
  return v1::ConsumeRequest::Nack::ACTION_UNSPECIFIED;
}

}  // namespace

// One Consume. Its flags are guarded by the consumer's mutex.
class GroupState::Call : public grpc::ClientBidiReactor<v1::ConsumeRequest, v1::ConsumeResponse> {
 public:
  explicit Call(GroupState& group) : group_(group) {}

  void Open(v1::ConsumeRequest join) {
    group_.core_->subscriptions().async()->Consume(&context_, this);
    AddHold();  // writes are started by whoever answers
    StartRead(&response_);
    Write(std::move(join));
    StartCall();
  }
  void Write(v1::ConsumeRequest message) {
    writing_ = true;
    message_ = std::move(message);
    StartWrite(&message_);
  }
  // Nothing more is written.
  void HalfClose() {
    StartWritesDone();
    LetGo();
  }
  void Cancel() { context_.TryCancel(); }

  bool can_write() const { return held_ && !writing_; }
  bool over() const { return over_; }
  const grpc::Status& status() const { return status_; }

 private:
  void LetGo() {
    if (!std::exchange(held_, false)) return;
    RemoveHold();
  }
  void OnReadDone(bool ok) override {
    std::unique_lock lock(group_.mutex_);
    if (!ok) {
      // The server deals out again what this call has not answered.
      group_.Forget();
      LetGo();
      return;
    }
    group_.Take(response_);
    lock.unlock();
    StartRead(&response_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(group_.mutex_);
    writing_ = false;
    // A write that failed is the end of the call, of which the read will tell.
    if (ok) group_.SendWhatWaits();
  }
  // The last one, after which the call may be gone.
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(group_.mutex_);
    over_ = true;
    status_ = status;
    group_.changed_.notify_all();
  }

  GroupState& group_;
  grpc::ClientContext context_;
  v1::ConsumeRequest message_;
  v1::ConsumeResponse response_;
  bool held_ = true;
  bool writing_ = false;
  bool over_ = false;
  grpc::Status status_;
};

GroupState::GroupState(std::shared_ptr<const Core> core, GroupConsumerOptions options)
    : core_(std::move(core)),
      options_(std::move(options)),
      endless_(WithoutEnd(core_->options())),
      retries_(endless_, Safety::kRead, Deadline(endless_.hooks, std::chrono::milliseconds(0))) {}

GroupState::~GroupState() {
  std::unique_lock lock(mutex_);
  leaving_ = true;
  in_hand_.clear();
  SendWhatWaits();
  const auto ended = [this] { return !call_ || call_->over(); };
  if (!changed_.wait_for(lock, options_.leave_timeout, ended)) {
    call_->Cancel();
    changed_.wait(lock, ended);
  }
}

void GroupState::Open() {
  ++calls_;
  progress_ = false;
  leave_sent_ = false;
  v1::ConsumeRequest message;
  auto& join = *message.mutable_join();
  join.set_group(options_.group);
  join.set_consumer_name(options_.consumer_name);
  join.set_max_in_flight(options_.max_in_flight);
  join.set_heartbeat_seconds(options_.heartbeat_seconds);
  call_ = std::make_unique<Call>(*this);
  call_->Open(std::move(message));
}

std::optional<absl::StatusOr<GroupDelivery>> GroupState::Next() {
  std::unique_lock lock(mutex_);
  while (!over_ && !leaving_ && !cancelled_) {
    if (!queue_.empty()) {
      GroupDelivery delivery = std::move(queue_.front());
      queue_.pop_front();
      in_hand_.insert(delivery.id);
      return delivery;
    }
    if (!call_) {
      Open();
    } else if (call_->over()) {
      absl::Status ended = FromGrpc(call_->status());
      // Only who has left is let go well.
      if (ended.ok()) ended = absl::UnavailableError("the call has ended");
      call_.reset();
      if (progress_) retries_.MadeProgress();
      lock.unlock();
      absl::Status verdict = retries_.WaitAfter(ended);
      lock.lock();
      if (verdict.ok()) continue;
      over_ = true;
      if (!leaving_ && !cancelled_) return verdict;
    } else {
      changed_.wait(lock);
    }
  }
  return std::nullopt;
}

void GroupState::Take(v1::ConsumeResponse& message) {
  progress_ = true;
  if (message.has_deliveries() && !leaving_) {
    for (auto& one : *message.mutable_deliveries()->mutable_deliveries()) {
      queue_.push_back({.event = std::move(*one.mutable_event()),
                        .attempt = one.attempt(),
                        .bucket = one.bucket(),
                        .settled_position = one.settled_position(),
                        .replayed = one.replayed(),
                        .call = calls_,
                        .id = one.delivery_id()});
    }
  }
  if (message.has_taken_back()) {
    const std::set<std::int64_t> back(message.taken_back().delivery_ids().begin(),
                                      message.taken_back().delivery_ids().end());
    std::erase_if(queue_, [&](const GroupDelivery& delivery) { return back.contains(delivery.id); });
    std::erase_if(in_hand_, [&](std::int64_t id) { return back.contains(id); });
    // Who leaves waits for answers to what is in hand.
    SendWhatWaits();
  }
  changed_.notify_all();
}

void GroupState::Forget() {
  queue_.clear();
  in_hand_.clear();
  acks_.Clear();
  nacks_.clear();
}

bool GroupState::IsInHand(const GroupDelivery& delivery) const {
  return delivery.call == calls_ && in_hand_.contains(delivery.id);
}

bool GroupState::IsTakenBack(const GroupDelivery& delivery) const {
  const std::lock_guard lock(mutex_);
  return !IsInHand(delivery);
}

bool GroupState::Answer(const GroupDelivery& delivery, const GroupAnswer& answer) {
  const std::lock_guard lock(mutex_);
  if (!IsInHand(delivery)) return false;
  in_hand_.erase(delivery.id);
  if (answer.kind == GroupAnswer::Kind::kAck) {
    acks_.add_delivery_ids(delivery.id);
  } else {
    const auto action = ActionOf(answer.kind);
    const std::string reason = Shortened(answer.reason);
    if (nacks_.empty() || nacks_.back().action() != action || nacks_.back().reason() != reason) {
      nacks_.emplace_back();
      nacks_.back().set_action(action);
      nacks_.back().set_reason(reason);
    }
    nacks_.back().add_delivery_ids(delivery.id);
  }
  SendWhatWaits();
  return true;
}

void GroupState::SendWhatWaits() {
  if (!call_ || !call_->can_write()) return;
  v1::ConsumeRequest message;
  if (!acks_.delivery_ids().empty()) {
    message.mutable_ack()->Swap(&acks_);
  } else if (!nacks_.empty()) {
    *message.mutable_nack() = std::move(nacks_.front());
    nacks_.pop_front();
  } else {
    if (!leaving_) return;
    if (in_hand_.empty()) return call_->HalfClose();
    // So that nothing more is delivered while what is in hand is being answered.
    if (std::exchange(leave_sent_, true)) return;
    message.mutable_leave();
  }
  call_->Write(std::move(message));
}

void GroupState::Leave() {
  const std::lock_guard lock(mutex_);
  leaving_ = true;
  // They go to another consumer.
  queue_.clear();
  SendWhatWaits();
  changed_.notify_all();
}

void GroupState::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  Forget();
  if (call_) call_->Cancel();
  changed_.notify_all();
}

}  // namespace eventstore::client::internal
