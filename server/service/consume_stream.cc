#include "server/service/consume_stream.h"

#include <utility>

#include "server/domain/error.h"
#include "server/domain/group_validation.h"
#include "server/service/open_messages.h"
#include "server/service/status_table.h"
#include "server/service/translate.h"
#include "server/service/translate_groups.h"

namespace eventstore::service {

ConsumeStream* ConsumeStream::Begin(const ConsumeParts& parts, grpc::CallbackServerContext& context) {
  const std::shared_ptr<ConsumeStream> stream(new ConsumeStream(parts, context));
  stream->self_ = stream;
  HandOver(stream.get());
  stream->Read();
  parts.streams.Add(stream, stream->admission());
  // One that may not consume is not left waiting for its client to join.
  if (!stream->admission().status().ok()) stream->End(stream->admission().status());
  // It may have ended while gRPC was asked to read.
  stream->Work();
  return stream.get();
}

ConsumeStream::ConsumeStream(const ConsumeParts& parts, grpc::CallbackServerContext& context)
    : Observed(parts.calls, parts.calls.gate.Admit(Rpc::kConsume, context), context),
      parts_(parts),
      member_(parts.ids.Make()),
      wrote_at_(parts.clock.Monotonic()) {}

void ConsumeStream::Read() {
  {
    const std::scoped_lock lock(mutex_);
    if (finished_ || end_) return;
    ++asking_;
  }
  StartRead(&incoming_);
  const std::scoped_lock lock(mutex_);
  // Whoever calls this looks afterwards whether the call is to be finished.
  --asking_;
}

void ConsumeStream::Close(const absl::Status& status) { End(status); }

void ConsumeStream::OnCancel() {
  TakeOver(this);
  {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
  }
  End(domain::ErrorOf(domain::Reason::kCancelled, "the consumer has gone"));
}

void ConsumeStream::End(const absl::Status& status) {
  std::shared_ptr<subscriptions::GroupRuntime> group;
  bool cancelled = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!end_) end_ = status;
    pending_.clear();
    cancelled = cancelled_;
    // The end of what the client sends may be that of the connection; OnDone() knows.
    if (!end_->ok() || cancelled) group = group_;
  }
  if (group) group->Drop(member_, cancelled);
  Work();
}

void ConsumeStream::OnReadDone(bool ok) {
  TakeOver(this);
  // The end of the call may come while this is at work.
  const auto keep = shared_from_this();
  if (ok) {
    Received(incoming_);
    if (const absl::Status taken = TakeIn(); !taken.ok()) return End(taken);
    Read();
    return Work();
  }
  bool joined = false;
  {
    const std::scoped_lock lock(mutex_);
    joined = group_ != nullptr;
  }
  End(joined ? absl::OkStatus() : domain::InvalidField("join", "is missing; send it before anything else"));
}

absl::Status ConsumeStream::TakeIn() {
  v1::ConsumeRequest message;
  if (absl::Status parsed = parts_.parser.Parse(admission(), incoming_, &message); !parsed.ok()) return parsed;
  bool joined = false;
  {
    const std::scoped_lock lock(mutex_);
    if (end_) return absl::OkStatus();
    joined = group_ != nullptr;
  }
  if (message.has_join() == joined) {
    return domain::InvalidField("join", joined ? "was sent before" : "is missing; send it before anything else");
  }
  if (joined) return Answer(message);
  auto join = FromProto(message.join());
  if (!join.ok()) return join.status();
  auto group = parts_.groups.Join(member_, *join, weak_from_this());
  if (!group.ok()) return group.status();
  bool ended = false;
  {
    const std::scoped_lock lock(mutex_);
    group_ = *group;
    heartbeat_ = std::chrono::seconds{join->heartbeat_seconds};
    ended = end_.has_value();
  }
  if (ended) (*group)->Drop(member_, false);
  return absl::OkStatus();
}

absl::Status ConsumeStream::Answer(const v1::ConsumeRequest& message) {
  switch (message.message_case()) {
    case v1::ConsumeRequest::kAck: {
      const auto& ids = message.ack().delivery_ids();
      if (absl::Status checked = domain::CheckAnswers("ack.delivery_ids", static_cast<std::size_t>(ids.size()));
          !checked.ok()) {
        return checked;
      }
      group_->Ack(member_, {ids.data(), static_cast<std::size_t>(ids.size())});
      return absl::OkStatus();
    }
    case v1::ConsumeRequest::kNack: {
      const auto& ids = message.nack().delivery_ids();
      auto action =
          domain::ParseNack(message.nack().action(), static_cast<std::size_t>(ids.size()), message.nack().reason());
      if (!action.ok()) return action.status();
      group_->Nack(member_, {ids.data(), static_cast<std::size_t>(ids.size())}, *action, message.nack().reason());
      return absl::OkStatus();
    }
    case v1::ConsumeRequest::kLeave:
      group_->Leave(member_);
      return absl::OkStatus();
    case v1::ConsumeRequest::kJoin:
    case v1::ConsumeRequest::MESSAGE_NOT_SET:
      break;
  }
  return domain::InvalidField("message", "is missing; send join, ack, nack or leave");
}

void ConsumeStream::OnWriteDone(bool ok) {
  TakeOver(this);
  const auto keep = shared_from_this();
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
  }
  if (ok) return Work();
  {
    const std::scoped_lock lock(mutex_);
    cancelled_ = true;
  }
  End(domain::ErrorOf(domain::Reason::kCancelled, "the consumer has gone"));
}

void ConsumeStream::Add(subscriptions::Portion portion) {
  if (portion.end && !end_) end_ = *std::move(portion.end);
  if (portion.joined) pending_.emplace_back().mutable_joined()->set_member_id(member_.ToString());
  if (!portion.batch.taken_back.empty()) {
    pending_.emplace_back().mutable_taken_back()->mutable_delivery_ids()->Add(portion.batch.taken_back.begin(),
                                                                              portion.batch.taken_back.end());
  }
  if (portion.batch.deliveries.empty()) return;
  v1::ConsumeResponse message;
  ToProto(portion.batch.deliveries, message.mutable_deliveries());
  if (parts_.vault != nullptr) {
    std::vector<v1::RecordedEvent*> events;
    for (auto& delivery : *message.mutable_deliveries()->mutable_deliveries())
      events.push_back(delivery.mutable_event());
    if (absl::Status opened = OpenMessages(*parts_.vault, events); !opened.ok()) {
      // The group takes back what the call has not sent.
      if (!end_) end_ = opened;
      return;
    }
  }
  pending_.push_back(std::move(message));
}

bool ConsumeStream::Fill() {
  for (;;) {
    std::shared_ptr<subscriptions::GroupRuntime> group;
    {
      const std::scoped_lock lock(mutex_);
      if (taking_) {
        again_ = true;
        return false;
      }
      if (writing_ || finished_ || end_ || !pending_.empty() || !group_) return true;
      taking_ = true;
      again_ = false;
      group = group_;
    }
    auto portion = group->Take(member_);
    const std::scoped_lock lock(mutex_);
    taking_ = false;
    Add(std::move(portion));
    if (!pending_.empty() || end_ || !again_) return true;
  }
}

void ConsumeStream::Work() {
  // gRPC may be done with the stream before this returns.
  const auto keep = shared_from_this();
  HandOver(this);
  if (!Fill()) return;
  bool write = false;
  std::optional<grpc::Status> finish;
  {
    const std::scoped_lock lock(mutex_);
    if (finished_ || writing_ || taking_) return;
    const auto now = parts_.clock.Monotonic();
    if (!end_ && pending_.empty() && heartbeat_.count() > 0 && now - wrote_at_ >= heartbeat_) {
      ToProto(parts_.clock.Now(), pending_.emplace_back().mutable_heartbeat()->mutable_time());
    }
    if (end_ && (pending_.empty() || !end_->ok())) {
      if (asking_ > 0) return;
      finished_ = true;
      finish = ToGrpc(*end_);
    } else if (!pending_.empty()) {
      outgoing_ = Serialize(pending_.front());
      pending_.pop_front();
      wrote_at_ = now;
      writing_ = write = true;
      ++asking_;
    }
  }
  if (finish) return Finish(*finish);
  if (!write) return;
  StartWrite(&outgoing_);
  bool ended = false;
  {
    const std::scoped_lock lock(mutex_);
    --asking_;
    ended = end_.has_value();
  }
  // Whoever wanted to finish meanwhile left it to this thread.
  if (ended) Work();
}

void ConsumeStream::OnDone() {
  std::shared_ptr<subscriptions::GroupRuntime> group;
  bool cancelled = false;
  {
    const std::scoped_lock lock(mutex_);
    group = group_;
    cancelled = cancelled_;
  }
  if (group) group->Drop(member_, cancelled);
  self_.reset();
}

}  // namespace eventstore::service
