#include "server/service/operations/watch_stream.h"

#include <utility>

#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/service/operations/translate_operations.h"
#include "server/service/request_parser.h"
#include "server/service/status_table.h"
#include "server/storage/lost_positions.h"
#include "server/storage/sql_errors.h"

namespace eventstore::service {
namespace {

constexpr std::chrono::seconds kTokenInterval{5};

absl::Status TooMany() {
  domain::Error error;
  error.reason = domain::Reason::kQueueFull;
  error.message = "this server has as many watchers as it takes; end some, or use another instance";
  error.metadata = {{"max_watchers", std::to_string(domain::kMaxSubscriptions)}};
  error.retry_after_ms = 5'000;
  return domain::ToStatus(error);
}

absl::Status Ahead() {
  return domain::ErrorOf(domain::Reason::kPositionAhead,
                         "the resume_token is of a later state than the store is in: an earlier one was restored; "
                         "watch from now on");
}

}  // namespace

WatchStream* WatchStream::Begin(const WatchParts& parts, const Admission& admission,
                                grpc::CallbackServerContext& context, absl::StatusOr<domain::WatchQuery> query) {
  const absl::Status refused = query.status();
  const std::shared_ptr<WatchStream> stream(
      new WatchStream(parts, admission, context, query.ok() ? *std::move(query) : domain::WatchQuery{}));
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

WatchStream::WatchStream(const WatchParts& parts, const Admission& admission, grpc::CallbackServerContext& context,
                         domain::WatchQuery query)
    : Observed(parts.calls, admission, context),
      parts_(parts),
      query_(std::move(query)),
      heartbeat_(query_.heartbeat_seconds),
      wrote_at_(parts.clock.Monotonic()) {
  if (!query_.after) return;
  place_ = *query_.after;
  told_ = place_.position;
  placed_ = true;
}

void WatchStream::Close(const absl::Status& status) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    if (end_.ok()) end_ = status;
    next = Decide();
  }
  Do(std::move(next));
}

void WatchStream::OnTail() {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    next = Decide();
  }
  Do(std::move(next));
}

void WatchStream::OnCancel() {
  TakeOver(this);
  Close(domain::ErrorOf(domain::Reason::kCancelled, "the watcher has gone"));
}

void WatchStream::OnWriteDone(bool ok) {
  TakeOver(this);
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    if (!ok && end_.ok()) end_ = domain::ErrorOf(domain::Reason::kCancelled, "the watcher has gone");
    next = Decide();
  }
  Do(std::move(next));
}

WatchStream::Next WatchStream::Decide() {
  Next next;
  if (finished_) return next;
  if (!end_.ok()) {
    if (writing_ || reading_) return next;
    finished_ = true;
    next.finish = ToGrpc(end_);
    return next;
  }
  if (!placed_) {
    // From now on: what the tail settles next is the first that is new.
    const auto end = parts_.tail.End();
    if (!end) return next;
    place_ = *end;
    placed_ = live_ = true;
  }
  if (writing_ || reading_) return next;
  next.write = writing_ = TakePage() || (live_ && TakeFromTail()) || (live_ && TellWhereItIs());
  if (!writing_ && !live_) next.read = reading_ = true;
  return next;
}

void WatchStream::Do(Next next) {
  if (!next.read && !next.write && !next.finish) return;
  // gRPC may be done with the stream before this returns.
  const auto keep = shared_from_this();
  HandOver(this);
  if (next.read) Read();
  if (next.write) StartWrite(&outgoing_);
  if (next.finish) Finish(*next.finish);
}

void WatchStream::Put(v1::WatchResponse& message) {
  message.set_resume_token(domain::TokenOf(place_));
  told_ = place_.position;
  wrote_at_ = parts_.clock.Monotonic();
  outgoing_ = Serialize(message);
}

bool WatchStream::TakePage() {
  if (!page_) return false;
  const storage::ChangePage page = *std::move(page_);
  page_.reset();
  place_ = page.upto;
  // If the tail begins later than this, it says so, and the next read ends beyond where it begins.
  if (page.last) live_ = true;
  if (page.changes.empty()) return false;
  v1::WatchResponse message;
  for (const auto& change : page.changes) ToProto(change, message.add_changes());
  Put(message);
  return true;
}

bool WatchStream::TakeFromTail() {
  const auto following = parts_.tail.After(place_.position);
  if (!following.started) return false;
  if (!following.covered) {
    live_ = false;
    return false;
  }
  v1::WatchResponse message;
  for (const auto& page : following.pages) {
    for (const auto& change : page->changes) {
      if (change.position <= place_.position || !domain::Matches(query_.filter, change)) continue;
      if (message.changes_size() == domain::kMaxPageEvents) {
        // The rest of this page comes next.
        Put(message);
        return true;
      }
      ToProto(change, message.add_changes());
      place_ = {change.position, change.time};
    }
    place_ = page->upto;
  }
  if (message.changes_size() == 0) return false;
  Put(message);
  return true;
}

bool WatchStream::TellWhereItIs() {
  v1::WatchResponse message;
  const auto now = parts_.clock.Monotonic();
  if (announce_) {
    announce_ = false;
    message.set_caught_up(true);
  } else if (now - wrote_at_ < heartbeat_ && (place_.position <= told_ || now - wrote_at_ < kTokenInterval)) {
    return false;
  }
  Put(message);
  return true;
}

void WatchStream::Read() {
  storage::ReadTask task;
  task.deadline = parts_.clock.Monotonic() + parts_.page_deadline;
  task.goes_on = checked_;
  task.run = [keep = shared_from_this()](absl::StatusOr<storage::Session*> session) {
    keep->OnPage(session.ok() ? storage::Caught([&] { return keep->ReadPage(**session); })
                              : absl::StatusOr<storage::ChangePage>(session.status()));
  };
  if (parts_.pool.Submit(task)) return;
  // Too many read at the moment: again when the tail wakes it.
  const std::scoped_lock lock(mutex_);
  reading_ = false;
}

absl::StatusOr<storage::ChangePage> WatchStream::ReadPage(storage::Session& session) {
  domain::ChangePlace after;
  {
    const std::scoped_lock lock(mutex_);
    after = place_;
  }
  auto horizon = storage::ReadChangeHorizon(session);
  if (!horizon.ok()) return horizon.status();
  if (horizon->drawn < after.position) return Ahead();
  if (!checked_) {
    auto lost = storage::FindLost(session, storage::PositionKind::kChanges, {after.position});
    if (!lost.ok()) return lost.status();
    if (*lost) return Ahead();
    if (absl::Status there = storage::CheckNotDropped(session, after); !there.ok()) return there;
    checked_ = true;
  }
  return storage::ReadChanges(session, after, *horizon, query_.filter, domain::kMaxPageEvents);
}

void WatchStream::OnPage(absl::StatusOr<storage::ChangePage> page) {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    if (page.ok()) {
      page_ = *std::move(page);
    } else if (end_.ok()) {
      end_ = page.status();
    }
    next = Decide();
  }
  Do(std::move(next));
}

}  // namespace eventstore::service
