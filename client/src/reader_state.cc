#include "client/src/reader_state.h"

#include <utility>

namespace eventstore::client::internal {

ReaderState::ReaderState(std::shared_ptr<const Core> core, std::unique_ptr<ReadCall> call, Deadline deadline)
    : core_(std::move(core)), call_(std::move(call)), retries_(core_->options(), Safety::kRead, deadline) {}

ReaderState::~ReaderState() {
  if (phase_ != Phase::kOpen) return;
  Cancel();
  // A stream has to be read to its end before its context goes away; cancelled, that is at once.
  Page dropped;
  while (call_->Read(&dropped)) {
  }
  call_->Finish();
}

std::optional<absl::StatusOr<v1::RecordedEvent>> ReaderState::Next() {
  if (next_in_page_ == page_.size()) {
    if (absl::Status status = Fill(); !status.ok()) return absl::StatusOr<v1::RecordedEvent>(std::move(status));
  }
  if (next_in_page_ == page_.size()) return std::nullopt;
  return absl::StatusOr<v1::RecordedEvent>(std::move(*page_.Mutable(next_in_page_++)));
}

absl::Status ReaderState::Fill() {
  page_.Clear();
  next_in_page_ = 0;
  while (page_.empty() && phase_ != Phase::kOver) {
    if (phase_ == Phase::kClosed && !Open()) {
      phase_ = Phase::kOver;
      return absl::CancelledError("the read was cancelled by its reader");
    }
    Page page;
    if (call_->Read(&page)) {
      TakePage(std::move(page));
      continue;
    }
    const absl::Status ended = FromGrpc(call_->Finish());
    if (absl::Status verdict = AfterEnd(ended); !verdict.ok()) {
      phase_ = Phase::kOver;
      return verdict;
    }
  }
  return absl::OkStatus();
}

bool ReaderState::Open() {
  const std::lock_guard lock(mutex_);
  if (cancelled_) return false;
  context_ = std::make_unique<grpc::ClientContext>();
  SetDeadline(*context_, retries_.deadline().Remaining());
  call_->Open(core_->stub(), context_.get());
  phase_ = Phase::kOpen;
  return true;
}

void ReaderState::TakePage(Page page) {
  if (!any_page_) {
    // Of the first page: a read that is opened again goes on as the one it continues.
    current_version_ = page.current_version;
    first_available_version_ = page.first_available_version;
    any_page_ = true;
  }
  resume_ = call_->GoOnAfter(page);
  if (!page.events.empty()) retries_.MadeProgress();
  page_.Swap(&page.events);
}

absl::Status ReaderState::AfterEnd(const absl::Status& status) {
  if (status.ok()) {
    phase_ = Phase::kOver;
    return status;
  }
  if (!IsRetryable(status, Safety::kRead)) return status;
  if (resume_ == Resume::kImpossible) {
    return WithNote(status, " (after a part of the events; this kind of read cannot go on from there, begin it anew)");
  }
  if (resume_ == Resume::kComplete) {
    phase_ = Phase::kOver;
    return absl::OkStatus();
  }
  phase_ = Phase::kClosed;
  return retries_.WaitAfter(status);
}

void ReaderState::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (context_) context_->TryCancel();
}

}  // namespace eventstore::client::internal
