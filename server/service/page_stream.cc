#include "server/service/page_stream.h"

#include <utility>

#include "server/domain/error.h"
#include "server/service/status_table.h"

namespace eventstore::service {

using domain::Reason;

PageStream::PageStream(PageStreamParts parts, std::unique_ptr<storage::Cursor> cursor, Encode encode,
                       bool first_page_always)
    : parts_(std::move(parts)),
      counted_(parts_.calls),
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

void PageStream::ScheduleNext() {
  storage::ReadTask task;
  task.deadline = parts_.deadline();
  task.goes_on = begun_;
  task.run = [this](absl::StatusOr<storage::Session*> session) { ReadAndWrite(std::move(session)); };
  if (parts_.readers.Submit(task)) return;
  domain::Error full;
  full.reason = Reason::kQueueFull;
  full.message = "the queue of reads is full; try again later, or continue from the last event received";
  full.retry_after_ms = 200;
  Finish(ToGrpc(domain::ToStatus(full)));
}

void PageStream::ReadAndWrite(absl::StatusOr<storage::Session*> session) {
  if (cancelled_) return Finish(grpc::Status::CANCELLED);
  if (!session.ok()) return Finish(ToGrpc(session.status()));
  begun_ = true;
  auto page = storage::NextPage(*cursor_, **session, parts_.chunks);
  if (!page.ok()) return Finish(ToGrpc(page.status()));
  if (page->events.empty() && !owes_page_) {
    // Nothing to show yet is no message; a page that is neither full nor last was cut by a filter.
    if (page->last) return Finish(grpc::Status::OK);
    return ScheduleNext();
  }
  owes_page_ = false;
  message_ = encode_(*page);
  HandOver(this);
  if (page->last) {
    StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
  } else {
    StartWrite(&message_);
  }
}

void PageStream::OnWriteDone(bool ok) {
  TakeOver(this);
  // After StartWriteAndFinish gRPC goes straight to OnDone.
  if (!ok || cancelled_) return Finish(grpc::Status::CANCELLED);
  ScheduleNext();
}

}  // namespace eventstore::service
