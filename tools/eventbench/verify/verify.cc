#include "tools/eventbench/verify/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "tools/eventbench/run/status.h"

namespace eventstore::eventbench {
namespace {

constexpr std::size_t kReaders = 16;
constexpr std::chrono::milliseconds kMoment{100};

// Readers take one aggregate after another until all are read.
class Verification {
 public:
  Verification(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels, Ledger ledger)
      : options_(options), channels_(channels), ledger_(std::move(ledger)) {
    // Appends that were never answered may be the only ones of their aggregate.
    for (const auto& [event, aggregate] : ledger_.unknown) only_unknown_.push_back(aggregate);
    std::ranges::sort(ledger_.events, [](const Acknowledged& a, const Acknowledged& b) {
      return a.aggregate != b.aggregate ? a.aggregate < b.aggregate : a.version < b.version;
    });
    for (std::size_t i = 0; i < ledger_.events.size(); ++i) {
      if (i == 0 || ledger_.events[i].aggregate != ledger_.events[i - 1].aggregate) begins_.push_back(i);
    }
    AddUnknown();
    result_.aggregates = static_cast<std::int64_t>(begins_.size() + only_unknown_.size());
    result_.acknowledged = static_cast<std::int64_t>(ledger_.events.size());
  }

  absl::StatusOr<VerifyResult> Run(const OnProgress& progress) {
    std::vector<std::thread> readers;
    const std::size_t count = std::clamp<std::size_t>(static_cast<std::size_t>(result_.aggregates), 1, kReaders);
    readers.reserve(count);
    for (std::size_t i = 0; i < count; ++i) readers.emplace_back([this, i] { Read(i); });
    while (finished_ < count) {
      if (!progress("verifying", done_, result_.aggregates)) stop_ = result_.interrupted = true;
      std::this_thread::sleep_for(kMoment);
    }
    for (auto& reader : readers) reader.join();
    if (!failure_.ok()) return failure_;
    return std::move(result_);
  }

 private:
  void AddUnknown() {
    std::ranges::sort(only_unknown_);
    const auto repeated = std::ranges::unique(only_unknown_);
    only_unknown_.erase(repeated.begin(), repeated.end());
    std::erase_if(only_unknown_, [this](const Id& id) {
      return std::ranges::binary_search(begins_, id, {},
                                        [this](std::size_t at) { return ledger_.events[at].aggregate; });
    });
  }

  void Read(std::size_t reader) {
    const auto stub = v1::EventStore::NewStub(channels_[reader % channels_.size()]);
    Comparison found;
    while (!stop_) {
      const std::size_t at = next_++;
      if (at >= begins_.size() + only_unknown_.size()) break;
      std::span<const Acknowledged> acknowledged;
      if (at < begins_.size()) {
        const std::size_t end = at + 1 < begins_.size() ? begins_[at + 1] : ledger_.events.size();
        acknowledged = std::span(ledger_.events).subspan(begins_[at], end - begins_[at]);
      }
      const Id id = acknowledged.empty() ? only_unknown_[at - begins_.size()] : acknowledged.front().aggregate;
      const auto stored = ReadAggregate(*stub, id);
      if (!stored.ok()) {
        Fail(stored.status());
        break;
      }
      found.Add(Compare(acknowledged, *stored, ledger_));
      ++done_;
    }
    const std::lock_guard lock(mutex_);
    result_.found.Add(found);
    ++finished_;
  }

  absl::StatusOr<std::vector<Stored>> ReadAggregate(v1::EventStore::Stub& stub, const Id& id) const {
    grpc::ClientContext context;
    context.set_deadline(DeadlineOf(options_));
    v1::GetAggregateStreamRequest request;
    WriteId(id, *request.mutable_aggregate_id());
    const auto reader = stub.GetAggregateStream(&context, request);
    std::vector<Stored> stored;
    v1::GetAggregateStreamResponse page;
    while (reader->Read(&page)) {
      for (const auto& event : page.events()) {
        stored.push_back({.event = ParseId(event.id()).value_or(Id{}),
                          .version = event.version(),
                          .position = event.global_position()});
      }
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) return ToAbsl(status);
    return stored;
  }

  void Fail(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
    stop_ = true;
  }

  const Options& options_;
  const std::vector<std::shared_ptr<grpc::Channel>>& channels_;
  Ledger ledger_;
  std::vector<std::size_t> begins_;  // of each aggregate in ledger_.events
  std::vector<Id> only_unknown_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> finished_{0};
  std::atomic<std::int64_t> done_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  absl::Status failure_;  // guarded by mutex_
  VerifyResult result_;   // `found` guarded by mutex_ while readers run
};

}  // namespace

absl::StatusOr<VerifyResult> Verify(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    Ledger ledger, const OnProgress& progress) {
  return Verification(options, channels, std::move(ledger)).Run(progress);
}

}  // namespace eventstore::eventbench
