#include "client/src/subscriber_state.h"

#include <chrono>
#include <limits>
#include <utility>

#include "client/src/status.h"

namespace eventstore::client::internal {
namespace {

Options WithoutEnd(Options options) {
  options.retry.max_attempts = std::numeric_limits<int>::max();
  return options;
}

}  // namespace

SubscriberState::SubscriberState(std::shared_ptr<const Core> core, v1::SubscribeRequest request)
    : core_(std::move(core)),
      endless_(WithoutEnd(core_->options())),
      retries_(endless_, Safety::kRead, Deadline(endless_.hooks, std::chrono::milliseconds(0))),
      request_(std::move(request)) {}

SubscriberState::~SubscriberState() {
  if (!stream_) return;
  Cancel();
  // A stream has to be read to its end before its context goes away; cancelled, that is at once.
  while (stream_->Read(&message_)) {
  }
  stream_->Finish();
}

void SubscriberState::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (context_) context_->TryCancel();
}

bool SubscriberState::Open() {
  const std::lock_guard lock(mutex_);
  if (cancelled_) return false;
  context_ = std::make_unique<grpc::ClientContext>();
  stream_ = core_->subscriptions().Subscribe(context_.get(), request_);
  message_.Clear();
  next_event_ = 0;
  return true;
}

std::optional<absl::StatusOr<Delivery>> SubscriberState::Next() {
  while (!over_) {
    if (HasNext()) {
      Delivery delivery;
      delivery.event = std::move(*message_.mutable_events()->mutable_events(next_event_++));
      delivery.position = delivery.event.global_position();
      request_.set_from_position(delivery.position);
      return delivery;
    }
    if (!stream_ && !Open()) break;
    if (stream_->Read(&message_)) {
      retries_.MadeProgress();
      next_event_ = 0;
      if (auto delivery = Take()) return *std::move(delivery);
      continue;
    }
    if (absl::Status ended = AfterEnd(); !ended.ok()) {
      over_ = true;
      const std::lock_guard lock(mutex_);
      if (cancelled_) break;
      return ended;
    }
  }
  over_ = true;
  return std::nullopt;
}

std::optional<Delivery> SubscriberState::Take() {
  switch (message_.message_case()) {
    case v1::SubscribeResponse::kCaughtUp:
      return At(Delivery::Kind::kCaughtUp, message_.caught_up().position());
    case v1::SubscribeResponse::kFellBehind:
      return At(Delivery::Kind::kFellBehind, message_.fell_behind().position());
    case v1::SubscribeResponse::kCheckpoint:
      return At(Delivery::Kind::kCheckpoint, message_.checkpoint().position());
    case v1::SubscribeResponse::kEvents:
    case v1::SubscribeResponse::kHeartbeat:
    case v1::SubscribeResponse::MESSAGE_NOT_SET:
      break;
  }
  return std::nullopt;
}

Delivery SubscriberState::At(Delivery::Kind kind, std::int64_t position) {
  // Whatever the start was, from here on it is known as a position.
  request_.set_from_position(position);
  return {kind, {}, position};
}

absl::Status SubscriberState::AfterEnd() {
  absl::Status status = FromGrpc(stream_->Finish());
  stream_.reset();
  // No server ends it well; a proxy may.
  if (status.ok()) status = absl::UnavailableError("the stream has ended");
  return retries_.WaitAfter(status);
}

}  // namespace eventstore::client::internal
