#include "server/service/page_stream.h"

#include <utility>

#include "server/domain/error.h"
#include "server/service/status_table.h"

namespace eventstore::service {
namespace {

using domain::Reason;

// The next one is read while fewer are held: the last one, being encoded or written. With what comes, so many are held.
constexpr std::size_t kPagesAhead = 2;

grpc::Status QueueFull() {
  domain::Error full;
  full.reason = Reason::kQueueFull;
  full.message = "the queue of reads is full; try again later, or continue from the last event received";
  full.retry_after_ms = 200;
  return ToGrpc(domain::ToStatus(full));
}

}  // namespace

PageStream::PageStream(PageStreamParts parts, std::unique_ptr<storage::Cursor> cursor, Encode encode,
                       bool first_page_always)
    : Observed(parts.calls, parts.admission, parts.context),
      parts_(std::move(parts)),
      cursor_(std::move(cursor)),
      encode_(std::move(encode)),
      owes_page_(first_page_always) {
  HandOver(this);
}

PageStream* PageStream::Failed(PageStreamParts parts, const absl::Status& status) {
  auto* stream = new PageStream(std::move(parts), nullptr, nullptr, false);
  stream->Finish(ToGrpc(status));
  return stream;
}

void PageStream::Start() {
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    next = Decide();
  }
  Do(std::move(next));
}

PageStream::Next PageStream::Decide() {
  Next next;
  if (finished_) return next;
  broken_ = broken_ || cancelled_;
  if (broken_ ? !reading_ && !encoding_ && !writing_ : read_all_ && held() == 0) {
    finished_ = true;
    next.finish = broken_ ? grpc::Status::CANCELLED : end_;
    return next;
  }
  if (broken_) return next;
  if (encoded_ && !writing_) {
    message_ = *std::move(encoded_);
    encoded_.reset();
    writing_memory_ = std::move(encoded_memory_);
    writing_ = true;
    wrote_at_ = parts_.clock.Monotonic();
    next.write = true;
    next.last = finished_ = read_all_ && held() == 1 && end_.ok();
  }
  if (!read_all_ && !reading_ && held() < (keeps_up_ && parts_.memory.IsPlenty() ? kPagesAhead : 1)) {
    reading_ = true;
    next.read = true;
  }
  return next;
}

void PageStream::Do(Next next) {
  if (!next.read && !next.write && !next.finish) return;  // it may be gone already
  HandOver(this);
  // The read first: while it is under way the stream cannot be finished by what the write brings about.
  if (next.read) Read();
  if (next.write && next.last) {
    StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
  } else if (next.write) {
    StartWrite(&message_);
  }
  if (next.finish) Finish(*next.finish);
}

void PageStream::Read() {
  storage::ReadTask task;
  task.deadline = parts_.deadline();
  task.goes_on = begun_;
  task.run = [this](absl::StatusOr<storage::Session*> session) { OnSession(std::move(session)); };
  if (parts_.readers.Submit(task)) return;
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    read_all_ = true;
    end_ = QueueFull();
    next = Decide();
  }
  Do(std::move(next));
}

absl::StatusOr<storage::Page> PageStream::ReadPage(absl::StatusOr<storage::Session*> session) {
  if (!session.ok()) return session.status();
  {
    const std::scoped_lock lock(mutex_);
    cursor_->KeepPagesSmall((begun_ && !keeps_up_) || !parts_.memory.IsPlenty());
    cursor_->LimitPages(parts_.memory.page_bytes());
  }
  begun_ = true;
  auto page = storage::NextPage(*cursor_, **session, parts_.chunks);
  if (parts_.vault == nullptr || !page.ok()) return page;
  if (absl::Status opened = parts_.vault->Open(page->events); !opened.ok()) return opened;
  return page;
}

void PageStream::OnSession(absl::StatusOr<storage::Session*> session) {
  absl::StatusOr<storage::Page> page = storage::Page{};
  if (!cancelled_) page = ReadPage(std::move(session));
  Next next;
  bool encode = false;
  {
    const std::scoped_lock lock(mutex_);
    reading_ = false;
    if (!page.ok()) {
      read_all_ = true;
      end_ = ToGrpc(page.status());
    } else {
      read_all_ = page->last;
      // Nothing to show yet is no message; a page that is neither full nor last was cut by a filter.
      if (!page->events.empty() || page->more || (owes_page_ && !cancelled_)) {
        owes_page_ = false;
        read_.push_back(encode_(std::move(page->events)));
        encode = !encoding_;
        encoding_ = true;
      }
    }
    next = Decide();
  }
  Do(std::move(next));
  if (encode) EncodeAll();
}

// The stream lives on while encoding_.
void PageStream::EncodeAll() {
  while (true) {
    Message message;
    {
      const std::scoped_lock lock(mutex_);
      message = std::move(read_.front());
      read_.pop_front();
    }
    grpc::ByteBuffer bytes = message();
    Next next;
    bool more = false;
    {
      const std::scoped_lock lock(mutex_);
      encoded_memory_ = {parts_.memory, bytes.Length()};
      encoded_ = std::move(bytes);
      more = encoding_ = !read_.empty();
      next = Decide();
    }
    Do(std::move(next));
    if (!more) return;
  }
}

void PageStream::OnWriteDone(bool ok) {
  TakeOver(this);
  Next next;
  {
    const std::scoped_lock lock(mutex_);
    writing_ = false;
    keeps_up_ = parts_.clock.Monotonic() - wrote_at_ < kTakenAtOnce;
    taken_memory_ = std::move(writing_memory_);
    // After StartWriteAndFinish gRPC goes straight to OnDone.
    if (!ok) broken_ = true;
    next = Decide();
  }
  Do(std::move(next));
}

}  // namespace eventstore::service
