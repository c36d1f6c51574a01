#include "server/service/subscribe_stream.h"

#include <algorithm>
#include <utility>

#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/domain/matching.h"
#include "server/service/open_messages.h"
#include "server/service/request_parser.h"
#include "server/service/status_table.h"
#include "server/service/translate.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/recorded_rows.h"
#include "server/storage/subscription_start.h"

namespace eventstore::service {
namespace {

constexpr std::chrono::seconds kCheckpointInterval{5};

absl::Status TooMany() {
  domain::Error error;
  error.reason = domain::Reason::kQueueFull;
  error.message = "this server has as many subscriptions as it takes; end some, or use another instance";
  error.metadata = {{"max_subscriptions", std::to_string(domain::kMaxSubscriptions)}};
  error.retry_after_ms = 5'000;
  return domain::ToStatus(error);
}

}  // namespace

SubscribeStream* SubscribeStream::Begin(const SubscribeParts& parts, const Admission& admission,
                                        grpc::CallbackServerContext& context,
                                        absl::StatusOr<domain::SubscriptionQuery> query) {
  const absl::Status refused = query.status();
  const std::shared_ptr<SubscribeStream> stream(
      new SubscribeStream(parts, admission, context, query.ok() ? *std::move(query) : domain::SubscriptionQuery{}));
  stream->self_ = stream;
  HandOver(stream.get());
  if (!refused.ok()) {
    stream->Close(refused);
  } else if (!parts.tail.Listen(stream)) {
    stream->Close(TooMany());
  } else {
    parts.streams.Add(stream, stream->admission());
    stream->OnTail();
  }
  return stream.get();
}

SubscribeStream::SubscribeStream(const SubscribeParts& parts, const Admission& admission,
                                 grpc::CallbackServerContext& context, domain::SubscriptionQuery query)
    : Observed(parts.calls, admission, context),
      parts_(parts),
      query_(std::move(query)),
      heartbeat_(query_.heartbeat_seconds),
      wrote_at_(parts.clock.Monotonic()),
      told_at_(wrote_at_) {}

void SubscribeStream::Close(const absl::Status& status) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    if (end_.ok()) end_ = status;
    next = Decide();
  }
  Do(std::move(next));
}

void SubscribeStream::OnTail() {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    next = Decide();
  }
  Do(std::move(next));
}

void SubscribeStream::OnCancel() {
  TakeOver(this);
  Close(domain::ErrorOf(domain::Reason::kCancelled, "the subscriber has gone"));
}

void SubscribeStream::OnWriteDone(bool ok) {
  TakeOver(this);
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    keeps_up_ = parts_.clock.Monotonic() - wrote_at_ < kTakenAtOnce;
    taken_memory_ = std::move(outgoing_memory_);
    if (!ok && end_.ok()) end_ = domain::ErrorOf(domain::Reason::kCancelled, "the subscriber has gone");
    next = Decide();
  }
  Do(std::move(next));
}

SubscribeStream::Next SubscribeStream::Decide() {
  Next next;
  if (finished_) return next;
  // Taking from the tail may be what ends it.
  if (end_.ok() && !writing_) next.write = writing_ = TakePage(next) || (live_ && (TakeFromTail() || TellWhereItIs()));
  if (!end_.ok()) {
    if (writing_ || reading_) return next;
    finished_ = true;
    next.finish = ToGrpc(end_);
    return next;
  }
  if (!live_ && !reading_ && !ahead_ && (!writing_ || (keeps_up_ && parts_.memory.IsPlenty()))) {
    reading_ = true;
    next.read = true;
  }
  return next;
}

void SubscribeStream::Do(Next next) {
  if (!next.read && !next.write && !next.finish) return;
  // gRPC may be done with the stream before this returns.
  const auto keep = shared_from_this();
  if (next.write && !next.events.empty()) {
    // The read goes on beside this.
    if (next.read) Read();
    next.read = false;
    v1::SubscribeResponse message;
    MoveEvents(next.events, message.mutable_events()->mutable_events());
    outgoing_ = Serialize(message);
  }
  HandOver(this);
  if (next.read) Read();
  if (next.write) {
    outgoing_memory_ = {parts_.memory, outgoing_.Length()};
    StartWrite(&outgoing_);
  }
  if (next.finish) Finish(*next.finish);
}

bool SubscribeStream::TakePage(Next& next) {
  if (!ahead_) return false;
  storage::Page page = *std::move(ahead_);
  ahead_.reset();
  if (!page.events.empty()) {
    position_ = page.events.back().global_position;
    told_ = position_;
    wrote_at_ = parts_.clock.Monotonic();
  }
  if (page.last) {
    position_ = std::max(position_, last_);
    // If the tail begins later than this, it says so, and the next read ends beyond where it begins.
    live_ = true;
    announce_ = true;
  }
  next.events = std::move(page.events);
  return !next.events.empty();
}

void SubscribeStream::Put(const v1::SubscribeResponse& message) {
  wrote_at_ = parts_.clock.Monotonic();
  outgoing_ = Serialize(message);
}

bool SubscribeStream::TakeFromTail() {
  const auto following = parts_.tail.After(position_);
  tail_known_ = following.started;
  if (!following.started) return false;
  if (!following.covered) {
    // One that never was live has nothing to fall behind from.
    live_ = false;
    if (announce_) return false;
    v1::SubscribeResponse message;
    message.mutable_fell_behind()->set_position(position_);
    told_ = position_;
    Put(message);
    return true;
  }
  const domain::Position before = position_;
  v1::SubscribeResponse message;
  auto* events = message.mutable_events()->mutable_events();
  std::size_t bytes = 0;
  for (const auto& page : following.pages) {
    for (const auto& event : page->events) {
      if (event.global_position <= position_ || !domain::Matches(query_.filter, event)) continue;
      if (events->size() == domain::kMaxPageEvents || bytes >= parts_.memory.page_bytes()) break;
      bytes += storage::PayloadBytes(event);
      ToProto(event, events->Add());
    }
    if (events->size() == domain::kMaxPageEvents || bytes >= parts_.memory.page_bytes()) {
      // The rest of this page comes next.
      position_ = events->rbegin()->global_position();
      break;
    }
    position_ = page->upto;
  }
  if (events->empty()) return false;
  // What the tail keeps may be of before an erasure; so it is opened here.
  if (parts_.vault != nullptr) {
    if (absl::Status opened = OpenMessages(*parts_.vault, {events->pointer_begin(), events->pointer_end()});
        !opened.ok()) {
      position_ = before;
      end_ = opened;
      return false;
    }
  }
  told_ = events->rbegin()->global_position();
  Put(message);
  return true;
}

bool SubscribeStream::TellWhereItIs() {
  if (!live_ || !end_.ok()) return false;
  const auto now = parts_.clock.Monotonic();
  v1::SubscribeResponse message;
  if (announce_ && tail_known_) {
    announce_ = false;
    message.mutable_caught_up()->set_position(position_);
  } else if (position_ > told_ && now - told_at_ >= kCheckpointInterval) {
    message.mutable_checkpoint()->set_position(position_);
  } else if (now - wrote_at_ >= heartbeat_) {
    ToProto(parts_.clock.Now(), message.mutable_heartbeat()->mutable_time());
    Put(message);
    return true;
  } else {
    return false;
  }
  told_ = position_;
  told_at_ = now;
  Put(message);
  return true;
}

void SubscribeStream::Read() {
  storage::ReadTask task;
  task.deadline = parts_.clock.Monotonic() + parts_.page_deadline;
  task.goes_on = placed_;
  task.run = [keep = shared_from_this()](absl::StatusOr<storage::Session*> session) {
    keep->OnSession(std::move(session));
  };
  if (parts_.readers.Submit(task)) return;
  // Too many read at the moment: again when the tail wakes it.
  const std::scoped_lock lock(mutex_);
  reading_ = false;
}

void SubscribeStream::OnSession(absl::StatusOr<storage::Session*> session) {
  OnPage(session.ok() ? storage::Caught([&] { return ReadPage(**session); })
                      : absl::StatusOr<storage::Page>(session.status()));
}

absl::StatusOr<storage::Page> SubscribeStream::ReadPage(storage::Session& session) {
  if (!placed_) {
    auto gone = storage::ReadWithRetries(parts_.chunks, [&] { return storage::ReadGoneUpTo(session); });
    if (!gone.ok()) return gone.status();
    known_gone_ = *gone;
    auto start = storage::ReadWithRetries(parts_.chunks,
                                          [&] { return storage::FindStart(session, parts_.chunks, query_.start); });
    if (!start.ok()) return start.status();
    const std::scoped_lock lock(mutex_);
    position_ = *start;
    told_ = *start;
    placed_ = true;
  }
  if (!cursor_) {
    auto settled =
        storage::ReadWithRetries(parts_.chunks, [&] { return storage::ReadSettled(session, parts_.chunks); });
    if (!settled.ok()) return settled.status();
    last_ = settled->last;
    cursor_ = std::make_unique<storage::PositionCursor>(query_.filter, position_, settled->horizon, parts_.chunks);
    cursor_->NoticeDrops(known_gone_);
  }
  {
    const std::scoped_lock lock(mutex_);
    cursor_->KeepPagesSmall(!keeps_up_ || !parts_.memory.IsPlenty());
    cursor_->LimitPages(parts_.memory.page_bytes());
  }
  auto page = storage::NextPage(*cursor_, session, parts_.chunks);
  known_gone_ = cursor_->known_gone();
  if (page.ok() && page->last) cursor_.reset();
  if (parts_.vault == nullptr || !page.ok()) return page;
  if (absl::Status opened = parts_.vault->Open(page->events); !opened.ok()) return opened;
  return page;
}

void SubscribeStream::OnPage(absl::StatusOr<storage::Page> page) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    if (page.ok()) {
      ahead_ = *std::move(page);
    } else if (end_.ok()) {
      end_ = page.status();
    }
    next = Decide();
  }
  Do(std::move(next));
}

}  // namespace eventstore::service
