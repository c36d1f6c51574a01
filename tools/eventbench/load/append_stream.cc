#include "tools/eventbench/load/append_stream.h"

#include <chrono>
#include <utility>

namespace eventstore::eventbench {

void StreamAppend::Start() { connection_.appends->Add(this); }

void StreamAppend::Fill(v1::AppendRequest& request) {
  bench_.book.Begin(bench_.options, bench_.options.events, sent_, request);
}

void StreamAppend::Appended(const v1::AppendResponse& response) {
  listener_.Ended(bench_.book.Acknowledged(sent_, response), nullptr);
}

void StreamAppend::Failed(const Failure& failure) {
  bench_.book.Failed(sent_, failure);
  listener_.Ended({.error = failure.reason}, &failure);
}

void StreamAppend::NotSent(const Failure& failure) { listener_.Ended({.error = failure.reason}, &failure); }

void AppendStreamCall::Flush() {
  if (ready_.empty() || writing_ || broken_) return;
  if (!call_) return Open();
  if (!open_) return;
  request_.mutable_items()->Clear();
  const auto most = static_cast<std::size_t>(bench_.options.stream_items);
  for (std::size_t i = 0; i < most && !ready_.empty(); ++i) {
    StreamAppend* item = ready_.front();
    ready_.pop_front();
    item->Fill(*request_.add_items());
    waiting_[++sent_] = item;
  }
  writing_ = true;
  call_->Write(request_, static_cast<Completion*>(&when_written_));
}

void AppendStreamCall::Open() {
  context_.emplace();
  sent_ = 0;
  open_ = half_closed_ = finished_ = false;
  // It serves as long as the run lasts; an item is given 30 s by the server.
  const std::chrono::duration<double> longest(bench_.options.seconds + bench_.options.warmup + bench_.options.timeout);
  context_->set_deadline(std::chrono::system_clock::now() + std::chrono::ceil<std::chrono::milliseconds>(longest));
  call_ = stub_.PrepareAsyncAppendStream(&*context_, &bench_.queue);
  call_->StartCall(static_cast<Completion*>(&when_opened_));
}

void AppendStreamCall::Opened(bool ok) {
  if (!ok) {
    broken_ = true;
    call_->Finish(&status_, static_cast<Completion*>(&when_finished_));
    return;
  }
  open_ = true;
  call_->Read(&response_, static_cast<Completion*>(&when_read_));
  Flush();
}

void AppendStreamCall::Written(bool /*ok*/) {
  // When it has failed, the read that is under way says so too, and after it the status why.
  writing_ = false;
  if (finished_) return MaybeEnd();
  Flush();
}

void AppendStreamCall::Read(bool ok) {
  if (!ok) {
    broken_ = true;
    call_->Finish(&status_, static_cast<Completion*>(&when_finished_));
    return;
  }
  // The items that these outcomes let start are sent together, by the flush after this event.
  for (const auto& outcome : response_.outcomes()) Take(outcome);
  call_->Read(&response_, static_cast<Completion*>(&when_read_));
}

void AppendStreamCall::Take(const v1::AppendStreamOutcome& outcome) {
  const auto found = waiting_.find(outcome.number());
  if (found == waiting_.end()) return;  // an answer to what was not asked; the item without one will show
  StreamAppend* item = found->second;
  waiting_.erase(found);
  if (outcome.has_appended()) {
    item->Appended(outcome.appended());
  } else {
    item->Failed(FailureOf(outcome.error()));
  }
}

void AppendStreamCall::Close() {
  if (!open_ || writing_ || broken_ || half_closed_) return;
  half_closed_ = true;
  writing_ = true;
  call_->WritesDone(static_cast<Completion*>(&when_half_closed_));
}

void AppendStreamCall::HalfClosed(bool /*ok*/) {
  writing_ = false;
  if (finished_) MaybeEnd();
}

void AppendStreamCall::Finished(bool /*ok*/) {
  finished_ = true;
  MaybeEnd();
}

void AppendStreamCall::MaybeEnd() {
  if (writing_) return;  // its completion still names the call
  call_.reset();
  broken_ = open_ = false;
  Failure failure = FailureOf(status_);
  if (status_.ok()) failure.reason = "STREAM_ENDED";
  // Copied first: a slot whose item failed may start the next one at once.
  std::vector<StreamAppend*> lost;
  for (const auto& [number, item] : std::exchange(waiting_, {})) lost.push_back(item);
  const auto unsent = std::exchange(ready_, {});
  for (StreamAppend* item : lost) item->Failed(failure);
  for (StreamAppend* item : unsent) item->NotSent(failure);
}

}  // namespace eventstore::eventbench
