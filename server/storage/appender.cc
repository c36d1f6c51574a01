#include "server/storage/appender.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/lane.h"
#include "server/storage/old_repeat.h"
#include "server/storage/shutting_down.h"

namespace eventstore::storage {
namespace {

using domain::Error;
using domain::Reason;

// A full queue is seconds deep at worst; a tenth of that is a fair first pause.
constexpr std::int64_t kRetryAfterMs = 200;

absl::Status QueueFull(int lane) {
  Error error;
  error.reason = Reason::kQueueFull;
  error.message = fmt::format(
      "the queue of append lane {} is full; nothing was written. Try again later or send several events in one append",
      lane);
  error.metadata = {{"lane", fmt::format("{}", lane)}};
  error.retry_after_ms = kRetryAfterMs;
  return domain::ToStatus(error);
}

}  // namespace

Appender::Appender(const AppenderOptions& options, const std::string& conninfo, int lanes, ChunkCatalog& chunks,
                   ReadExecutor& readers, const domain::Clock& clock, const Sleeper& sleep)
    : lanes_(lanes), observer_(options.observer), chunks_(chunks), readers_(readers) {
  max_queue_.max_requests = options.max_queue_per_lane;
  for (int lane = 0; lane < lanes; ++lane) {
    LaneWriterOptions writer;
    writer.lane = lane;
    writer.queue = max_queue_;
    writer.committed = options.committed;
    writer.observer = options.observer;
    writer.vault = options.vault;
    writers_.push_back(std::make_unique<LaneWriter>(writer, conninfo, lanes, chunks, clock, sleep));
  }
}

void Appender::Append(domain::AppendBatch batch, domain::MonotonicTime deadline,
                      std::shared_ptr<const std::atomic<bool>> cancelled, const Done& done) {
  AppendRequest request;
  for (const auto& append : batch.appends) {
    request.lanes.insert(domain::LaneOf(append.aggregate_id, lanes_));
    request.events += append.events.size();
    for (const auto& event : append.events) request.bytes += event.data.size() + event.metadata.size();
  }
  // Checked aggregates must not move before the commit, so their lanes are held too.
  for (const auto& check : batch.checks) request.lanes.insert(domain::LaneOf(check.aggregate_id, lanes_));
  request.batch = std::move(batch);
  request.deadline = deadline;
  request.cancelled = std::move(cancelled);
  request.done = [this, deadline, done](const domain::AppendBatch& written, AppendOutcome outcome) {
    if (outcome.may_be_old_repeat) {
      LookForOldRepeat(written, outcome.result.status(), deadline, done);
    } else {
      Answer(done, std::move(outcome.result), outcome.repeated);
    }
  };
  // A repeat of it goes to the same writer, which sees both.
  const int lane = domain::LaneOf(request.batch.appends.front().aggregate_id, lanes_);
  if (!draining_ && writers_[static_cast<std::size_t>(lane)]->Submit(request)) return;
  Answer(done, draining_ ? ShuttingDown() : QueueFull(lane), false);
}

void Appender::Answer(const Done& done, absl::StatusOr<domain::AppendBatchResult> result, bool repeated) {
  if (observer_ != nullptr) {
    if (!result.ok()) {
      observer_->OnRefused(result.status());
    } else if (repeated) {
      observer_->OnRepeated();
    } else {
      observer_->OnWritten();
    }
  }
  done(std::move(result));
}

void Appender::LookForOldRepeat(const domain::AppendBatch& batch, const absl::Status& conflict,
                                domain::MonotonicTime deadline, const Done& done) {
  auto shared = std::make_shared<const domain::AppendBatch>(batch);
  ReadTask task;
  task.deadline = deadline;
  task.run = [this, shared, conflict, done](absl::StatusOr<Session*> session) {
    if (!session.ok()) return Answer(done, session.status(), false);
    auto found = FindOldRepeat(**session, chunks_, *shared);
    if (!found.ok()) return Answer(done, found.status(), false);
    if (!found->has_value()) return Answer(done, conflict, false);
    Answer(done, **std::move(found), true);
  };
  // No room to find out: the conflict is true in any case, and a repeat of the repeat will ask again.
  if (!readers_.Submit(task)) Answer(done, conflict, false);
}

void Appender::Drain() {
  draining_ = true;
  for (auto& writer : writers_) writer->Drain();
}

std::size_t Appender::queued() const {
  std::size_t sum = 0;
  for (const auto& writer : writers_) sum += writer->queued();
  return sum;
}

std::vector<Appender::LaneQueue> Appender::queues() const {
  std::vector<LaneQueue> queues;
  for (const auto& writer : writers_) queues.push_back({writer->queued(), writer->queued_bytes()});
  return queues;
}

std::uint64_t Appender::appended_events() const {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_) sum += writer->appended_events();
  return sum;
}

std::uint64_t Appender::transactions() const {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_) sum += writer->transactions();
  return sum;
}

std::uint64_t Appender::partitions_repaired() const {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_) sum += writer->partitions_repaired();
  return sum;
}

}  // namespace eventstore::storage
