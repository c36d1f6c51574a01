#include "client/src/pipeline_state.h"

#include <algorithm>
#include <string>
#include <utility>

#include "client/src/status.h"
#include "google/rpc/status.pb.h"

namespace eventstore::client::internal {
namespace {

// What one message carries at most: a tenth of what the server takes in items, a quarter of its bytes.
constexpr int kMostItems = 100;
constexpr std::size_t kMostBytes = std::size_t{4} << 20;

// How often a stream that owes an answer is looked at.
constexpr std::chrono::milliseconds kWatch{100};

AppendPipeline::Outcome OutcomeOf(v1::AppendStreamOutcome& outcome) {
  if (outcome.has_appended()) return std::move(*outcome.mutable_appended());
  const google::rpc::Status& error = outcome.error();
  return FromGrpc({static_cast<grpc::StatusCode>(error.code()), error.message(), error.SerializeAsString()});
}

}  // namespace

// One AppendStream. Its flags are guarded by the pipeline's mutex.
class PipelineState::Stream : public grpc::ClientBidiReactor<v1::AppendStreamRequest, v1::AppendStreamResponse> {
 public:
  explicit Stream(PipelineState& pipeline) : pipeline_(pipeline) {}

  void Open() {
    pipeline_.core_->stub().async()->AppendStream(&context_, this);
    AddHold();  // writes are started by the pipeline's thread
    StartRead(&response_);
    StartCall();
  }
  void Write(v1::AppendStreamRequest message) {
    writing_ = true;
    message_ = std::move(message);
    StartWrite(&message_);
  }
  // Nothing more is written.
  void EndWrites() {
    StartWritesDone();
    LetGo();
  }
  void Cancel() {
    context_.TryCancel();
    LetGo();
  }
  void LetGo() {
    held_ = false;
    RemoveHold();
  }

  bool held() const { return held_; }
  bool writing() const { return writing_; }
  bool ended() const { return ended_; }
  bool over() const { return over_; }
  const grpc::Status& status() const { return status_; }

 private:
  void OnReadDone(bool ok) override {
    std::unique_lock lock(pipeline_.mutex_);
    if (!ok) {
      ended_ = true;
      pipeline_.work_.notify_all();
      return;
    }
    pipeline_.progress_ = true;
    pipeline_.taking_ = true;
    for (auto& outcome : *response_.mutable_outcomes()) {
      pipeline_.Resolve(lock, outcome.number(), OutcomeOf(outcome));
    }
    pipeline_.taking_ = false;
    pipeline_.heard_ = pipeline_.core_->options().hooks.now();
    lock.unlock();
    StartRead(&response_);
  }
  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(pipeline_.mutex_);
    writing_ = false;
    ended_ |= !ok;
    pipeline_.work_.notify_all();
  }
  // The last one, after which the stream may be gone.
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(pipeline_.mutex_);
    over_ = true;
    status_ = status;
    pipeline_.work_.notify_all();
  }

  PipelineState& pipeline_;
  grpc::ClientContext context_;
  v1::AppendStreamRequest message_;
  v1::AppendStreamResponse response_;
  bool held_ = true;
  bool writing_ = false;
  bool ended_ = false;  // no further message comes, or goes
  bool over_ = false;
  grpc::Status status_;
};

PipelineState::PipelineState(std::shared_ptr<const Core> core, PipelineOptions options)
    : core_(std::move(core)), options_(options), thread_([this] { Run(); }) {}

PipelineState::~PipelineState() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    work_.notify_all();
  }
  thread_.join();
}

void PipelineState::Append(v1::AppendRequest request, Done done) {
  FillIds(request, core_->options().hooks);
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return items_.size() < std::max<std::size_t>(options_.max_in_flight, 1); });
  items_[next_place_++] = {++serials_, std::move(request), std::move(done)};
  work_.notify_all();
}

void PipelineState::Flush() {
  std::unique_lock lock(mutex_);
  const std::int64_t last = serials_;
  room_.wait(lock, [&] { return items_.empty() || items_.begin()->second.serial > last; });
}

void PipelineState::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return closing_ || !items_.empty(); });
    if (items_.empty()) return;
    ServeWithRetries(lock);
  }
}

void PipelineState::ServeWithRetries(std::unique_lock<std::mutex>& lock) {
  using std::chrono::milliseconds;
  RetryLoop retries(core_->options(), Safety::kAppendWithIds, Deadline(core_->options().hooks, milliseconds(0)));
  while (true) {
    absl::Status ended = ServeOnce(lock);
    if (items_.empty()) return;
    // The server ends no stream well that still owes an outcome.
    if (ended.ok()) ended = absl::UnavailableError("the stream ended before every append had its outcome");
    if (progress_) retries.MadeProgress();
    lock.unlock();
    const absl::Status verdict = retries.WaitAfter(ended);
    lock.lock();
    if (verdict.ok()) continue;
    // Not those that came meanwhile: these are tried on a stream of their own.
    const std::int64_t last = serials_;
    while (!items_.empty() && items_.begin()->second.serial <= last) Resolve(lock, items_.begin()->first, verdict);
    return;
  }
}

absl::Status PipelineState::ServeOnce(std::unique_lock<std::mutex>& lock) {
  std::map<std::int64_t, Item> again;
  for (auto& [place, item] : items_) again[static_cast<std::int64_t>(again.size()) + 1] = std::move(item);
  items_ = std::move(again);
  next_place_ = static_cast<std::int64_t>(items_.size()) + 1;
  sent_ = 0;
  progress_ = false;
  bool stalled = false;
  Stream stream(*this);
  stream.Open();
  while (!stream.over()) {
    if (stream.held()) {
      if (stream.ended()) {
        stream.LetGo();
      } else if (Stalled()) {
        stalled = true;
        stream.Cancel();
      } else if (!stream.writing() && HasUnsent()) {
        SendWhatWaits(stream);
        continue;
      } else if (!stream.writing() && closing_ && items_.empty()) {
        stream.EndWrites();
      }
    }
    if (IsOwed()) {
      work_.wait_for(lock, kWatch);
    } else {
      work_.wait(lock);
    }
  }
  if (stalled) {
    return absl::DeadlineExceededError("the stream of appends brought no outcome for " +
                                       std::to_string(options_.stall_timeout.count()) + " ms");
  }
  return FromGrpc(stream.status());
}

void PipelineState::SendWhatWaits(Stream& stream) {
  v1::AppendStreamRequest message;
  std::size_t bytes = 0;
  if (!IsOwed()) heard_ = core_->options().hooks.now();
  for (auto next = items_.upper_bound(sent_); next != items_.end(); ++next) {
    bytes += next->second.request.ByteSizeLong();
    if (message.items_size() > 0 && (message.items_size() == kMostItems || bytes > kMostBytes)) break;
    *message.add_items() = next->second.request;
    sent_ = next->first;
  }
  stream.Write(std::move(message));
}

bool PipelineState::Stalled() const {
  return options_.stall_timeout.count() > 0 && IsOwed() && !taking_ &&
         core_->options().hooks.now() - heard_ >= options_.stall_timeout;
}

void PipelineState::Resolve(std::unique_lock<std::mutex>& lock, std::int64_t place, AppendPipeline::Outcome outcome) {
  const auto found = items_.find(place);
  if (found == items_.end()) return;
  const Done done = std::move(found->second.done);
  lock.unlock();
  if (done) done(std::move(outcome));
  lock.lock();
  items_.erase(place);
  room_.notify_all();
  if (items_.empty()) work_.notify_all();
}

}  // namespace eventstore::client::internal
