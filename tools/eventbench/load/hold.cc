#include "tools/eventbench/load/hold.h"

#include <grpcpp/alarm.h>

#include <chrono>
#include <optional>

#include "eventstore/v1/event_store.grpc.pb.h"
#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/failure.h"
#include "tools/eventbench/load/page_stub.h"
#include "tools/eventbench/measure/recorder.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::milliseconds kMoment{100};

// What all streams share; one thread.
struct Holding {
  grpc::CompletionQueue queue;
  std::chrono::milliseconds pause{0};
  bool ending = false;
  int running = 0;
  HoldFigures figures;
};

class HeldStream {
 public:
  virtual ~HeldStream() = default;
  virtual void Cancel() = 0;
};

void End(Holding& holding, const grpc::Status& status, bool was_open) {
  --holding.running;
  if (holding.ending) return;
  if (was_open) --holding.figures.open;
  ++holding.figures.failed;
  ++holding.figures.errors[status.ok() ? "STREAM_ENDED" : FailureOf(status).reason];
}

class HeldRead final : public HeldStream {
 public:
  HeldRead(Holding& holding, const PageStub& stub) : holding_(holding), stub_(stub) { Start(); }

  void Cancel() override {
    if (context_) context_->TryCancel();
    alarm_.Cancel();
  }

 private:
  void Start() {
    ++holding_.running;
    context_.emplace();
    reader_ = stub_.Prepare(Kind::kTail, *context_, v1::ReadAllRequest(), holding_.queue);
    reader_->StartCall(static_cast<Completion*>(&started_));
  }
  void Started(bool ok) {
    if (!ok) return Finish();
    reader_->Read(&page_, static_cast<Completion*>(&page_came_));
  }
  void PageCame(bool ok) {
    if (!ok) return Finish();
    if (!std::exchange(open_, true)) ++holding_.figures.open;
    ++holding_.figures.pages;
    holding_.figures.bytes += static_cast<std::int64_t>(page_.Length());
    alarm_.Set(&holding_.queue, std::chrono::system_clock::now() + holding_.pause, static_cast<Completion*>(&rested_));
  }
  // Also when the alarm was cancelled: the read then fails at once.
  void Rested(bool /*ok*/) { reader_->Read(&page_, static_cast<Completion*>(&page_came_)); }
  void Finish() { reader_->Finish(&status_, static_cast<Completion*>(&finished_)); }
  void Finished(bool /*ok*/) {
    reader_.reset();
    if (status_.ok() && !holding_.ending && open_) {
      --holding_.running;
      return Start();
    }
    End(holding_, status_, open_);
  }

  Holding& holding_;
  const PageStub& stub_;
  bool open_ = false;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<PageStub::Reader> reader_;
  grpc::ByteBuffer page_;
  grpc::Status status_;
  grpc::Alarm alarm_;
  Bound<&HeldRead::Started> started_{this};
  Bound<&HeldRead::PageCame> page_came_{this};
  Bound<&HeldRead::Rested> rested_{this};
  Bound<&HeldRead::Finished> finished_{this};
};

class HeldAppend final : public HeldStream {
 public:
  HeldAppend(Holding& holding, v1::EventStore::Stub& stub) : holding_(holding) {
    ++holding_.running;
    call_ = stub.PrepareAsyncAppendStream(&context_, &holding_.queue);
    call_->StartCall(static_cast<Completion*>(&started_));
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  void Started(bool ok) {
    if (!ok) return call_->Finish(&status_, static_cast<Completion*>(&finished_));
    open_ = true;
    ++holding_.figures.open;
    // Nothing was sent, so nothing comes but the end.
    call_->Read(&response_, static_cast<Completion*>(&ended_));
  }
  void Ended(bool /*ok*/) { call_->Finish(&status_, static_cast<Completion*>(&finished_)); }
  void Finished(bool /*ok*/) { End(holding_, status_, open_); }

  Holding& holding_;
  bool open_ = false;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::AppendStreamRequest, v1::AppendStreamResponse>> call_;
  v1::AppendStreamResponse response_;
  grpc::Status status_;
  Bound<&HeldAppend::Started> started_{this};
  Bound<&HeldAppend::Ended> ended_{this};
  Bound<&HeldAppend::Finished> finished_{this};
};

}  // namespace

HoldFigures Hold(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                 const std::function<bool(const HoldFigures&)>& on_moment) {
  Holding holding;
  holding.pause = std::chrono::milliseconds(static_cast<std::int64_t>(options.hold_pause * 1'000));
  std::vector<std::unique_ptr<v1::EventStore::Stub>> stubs;
  std::vector<std::unique_ptr<PageStub>> pages;
  for (const auto& channel : channels) {
    stubs.push_back(v1::EventStore::NewStub(channel));
    pages.push_back(std::make_unique<PageStub>(channel));
  }
  std::vector<std::unique_ptr<HeldStream>> streams;
  streams.reserve(static_cast<std::size_t>(options.hold_reads) + static_cast<std::size_t>(options.hold_appends));
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.hold_reads); ++i) {
    streams.push_back(std::make_unique<HeldRead>(holding, *pages[i % pages.size()]));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.hold_appends); ++i) {
    streams.push_back(std::make_unique<HeldAppend>(holding, *stubs[i % stubs.size()]));
  }
  const Instant begin = Clock::now();
  Instant shown = begin;
  while (holding.running > 0) {
    void* tag = nullptr;
    bool ok = false;
    const auto got = holding.queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + kMoment);
    if (got == grpc::CompletionQueue::GOT_EVENT) static_cast<Completion*>(tag)->Done(ok);
    const Instant now = Clock::now();
    if (holding.ending || now - shown < kMoment) continue;
    shown = now;
    holding.figures.seconds_done = std::chrono::duration<double>(now - begin).count();
    if (on_moment(holding.figures) && holding.figures.seconds_done < options.seconds) continue;
    holding.ending = true;
    for (auto& stream : streams) stream->Cancel();
  }
  holding.queue.Shutdown();
  return holding.figures;
}

}  // namespace eventstore::eventbench
