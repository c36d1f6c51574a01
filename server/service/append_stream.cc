#include "server/service/append_stream.h"

#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/service/call_deadline.h"
#include "server/service/status_table.h"
#include "server/service/translate.h"

namespace eventstore::service {
namespace {

std::size_t PayloadOf(const domain::AppendBatch& batch) {
  std::size_t bytes = 0;
  for (const auto& append : batch.appends) {
    for (const auto& event : append.events) bytes += event.data.size() + event.metadata.size();
  }
  return bytes;
}

}  // namespace

AppendStream* AppendStream::Begin(const AppendStreamParts& parts, grpc::CallbackServerContext& context) {
  const std::shared_ptr<AppendStream> stream(new AppendStream(parts, context));
  stream->self_ = stream;
  {
    const std::scoped_lock lock(stream->mutex_);
    stream->reading_ = true;
  }
  HandOver(stream.get());
  stream->StartRead(&stream->incoming_);
  parts.streams.Add(stream, stream->admission());
  // One that may not append is not left waiting for what its client sends.
  if (!stream->admission().status().ok()) stream->Close(stream->admission().status());
  return stream.get();
}

AppendStream::AppendStream(const AppendStreamParts& parts, grpc::CallbackServerContext& context)
    : Observed(parts.calls, parts.calls.gate.Admit(Rpc::kAppendStream, context), context),
      parts_(parts),
      context_(context) {}

void AppendStream::Close(const absl::Status& status) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    if (end_.ok()) end_ = status;
    closed_ = true;
    next = Decide();
  }
  Do(std::move(next));
}

void AppendStream::OnReadDone(bool ok) {
  if (ok) Received(incoming_);
  bool take_in = false;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    // What arrives after the end has no outcome: its client cannot know it was read.
    take_in = ok && !closed_;
    taking_in_ = take_in;
    if (!ok) closed_ = true;
  }
  const absl::Status taken = take_in ? TakeIn(incoming_) : absl::OkStatus();
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    taking_in_ = false;
    if (!taken.ok()) {
      if (end_.ok()) end_ = taken;
      closed_ = true;
    }
    next = Decide();
  }
  Do(std::move(next));
}

absl::Status AppendStream::TakeIn(const grpc::ByteBuffer& bytes) {
  v1::AppendStreamRequest message;
  if (absl::Status parsed = parts_.parser.Parse(admission(), bytes, &message); !parsed.ok()) return parsed;
  const auto items = static_cast<std::size_t>(message.items_size());
  if (items == 0) return domain::InvalidField("items", "is empty; send 1 to 1000 items in a message");
  if (items > domain::kMaxItemsPerMessage) {
    return domain::LimitExceeded("items", "max_items_per_message", items, domain::kMaxItemsPerMessage);
  }
  const auto deadline = DeadlineOf(context_, parts_.clock, parts_.default_deadline);
  for (auto& item : *message.mutable_items()) Submit(++last_number_, std::move(item), deadline);
  return absl::OkStatus();
}

void AppendStream::Submit(std::int64_t number, v1::AppendRequest&& item, domain::MonotonicTime deadline) {
  auto batch = FromProto(std::move(item), parts_.ids, admission().limits());
  if (batch.ok()) {
    if (absl::Status allowed = admission().CheckAppend(*batch); !allowed.ok()) batch = allowed;
  }
  const std::size_t bytes = batch.ok() ? PayloadOf(*batch) : 0;
  {
    const std::scoped_lock lock(mutex_);
    ++waiting_items_;
    ++open_items_;
    waiting_bytes_ += bytes;
  }
  if (!batch.ok()) {
    PartRefused(batch.status());
    return Complete(number, bytes, batch.status());
  }
  parts_.appender.Append(*std::move(batch), deadline, cancelled_,
                         [this, number, bytes](const absl::StatusOr<domain::AppendBatchResult>& result) {
                           Complete(number, bytes, result);
                         });
}

void AppendStream::Complete(std::int64_t number, std::size_t bytes,
                            const absl::StatusOr<domain::AppendBatchResult>& result) {
  // Once this item no longer counts as waiting, gRPC may finish the stream on another thread.
  const auto keep = shared_from_this();
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    --waiting_items_;
    waiting_bytes_ -= bytes;
    if (broken_) {
      --open_items_;
    } else {
      auto* outcome = outcomes_.add_outcomes();
      outcome->set_number(number);
      if (result.ok()) {
        ToProto(result->front(), outcome->mutable_appended());
      } else {
        *outcome->mutable_error() = ToRpcStatus(result.status());
      }
    }
    next = Decide();
  }
  Do(std::move(next));
}

void AppendStream::OnWriteDone(bool ok) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    open_items_ -= std::exchange(written_items_, 0);
    if (!ok) {
      broken_ = true;
      closed_ = true;
      open_items_ -= static_cast<std::size_t>(outcomes_.outcomes_size());
      outcomes_.clear_outcomes();
    }
    next = Decide();
  }
  Do(std::move(next));
}

AppendStream::Next AppendStream::Decide() {
  Next next;
  if (finished_) return next;
  if (!writing_ && !broken_ && outcomes_.outcomes_size() > 0) {
    writing_ = true;
    next.write = true;
    written_items_ = static_cast<std::size_t>(outcomes_.outcomes_size());
    outgoing_ = Serialize(outcomes_);
    outcomes_.clear_outcomes();
  }
  const bool room = open_items_ < domain::kMaxWaitingItems && waiting_bytes_ < domain::kMaxWaitingBytes;
  if (!closed_ && !reading_ && !taking_in_ && room) {
    reading_ = true;
    next.read = true;
  }
  if (next.read || next.write) {
    ++asking_;
  } else if (closed_ && !taking_in_ && !writing_ && waiting_items_ == 0 && asking_ == 0) {
    finished_ = true;
    next.finish = broken_ ? grpc::Status::CANCELLED : ToGrpc(end_);
  }
  return next;
}

void AppendStream::Do(Next next) {
  // gRPC may be done with the stream before this returns.
  const auto keep = shared_from_this();
  while (next.read || next.write) {
    if (next.write) StartWrite(&outgoing_);
    if (next.read) StartRead(&incoming_);
    const std::scoped_lock lock(mutex_);
    --asking_;
    next = Decide();
  }
  if (next.finish) Finish(*next.finish);
}

void AppendStream::OnDone() { self_.reset(); }

}  // namespace eventstore::service
