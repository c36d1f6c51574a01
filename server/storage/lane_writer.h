// One lane's writer: a bounded queue, a thread and a connection. It drains what has queued, decides every request in
// arrival order, writes all accepted events in one statement, commits once, and answers each (group commit), which another
// thread does while it is at the next batch (answerer.h).
//
// One bad apple: a request that fails in the decision fails alone. When a statement fails, the batch is rolled back and
// every request of it is run again by itself, so that only the one that cannot be written fails.
//
// A transaction is two round trips (append_statements.h).
//
// With an engine whose chunks are made ahead, a batch that finds none for its time makes it and those beside it, and is run
// again: nobody is refused because upkeep did not run.
//
// An answer is given only after COMMIT has returned (durable: synchronous_commit = on), or after it is known that
// nothing was written, or as COMMIT_UNKNOWN.
//
// Lock order: the lanes of a batch in ascending order, all in the first statement (lane_lock.h), alone or shared
// (lane_mode.h); then rows, heads by their ids.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/domain/decide.h"
#include "server/storage/answerer.h"
#include "server/storage/append_observer.h"
#include "server/storage/append_queue.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/commit_outcome.h"
#include "server/storage/event_vault.h"
#include "server/storage/lane_mode.h"
#include "server/storage/partitions.h"
#include "server/storage/pipeline_session.h"
#include "server/storage/recent_chunks.h"

namespace eventstore::storage {

struct LaneWriterOptions {
  int lane = 0;
  AppendQueueOptions queue;
  std::chrono::milliseconds commit_patience{15'000};
  std::function<void()> committed = [] {};  // AppenderOptions
  AppendObserver* observer = nullptr;       // the same; null: nobody counts
  EventVault* vault = nullptr;              // the same; null: nothing is encrypted
};

class LaneWriter {
 public:
  LaneWriter(LaneWriterOptions options, const std::string& conninfo, int lanes, ChunkCatalog& chunks,
             const domain::Clock& clock, Sleeper sleep);
  // Stops; requests that wait are answered SHUTTING_DOWN.
  ~LaneWriter();

  // False: the queue is full or the writer stops, and `request` is untouched.
  bool Submit(AppendRequest& request) { return queue_.Put(request); }
  // Finishes what waits, and returns when all have their answer.
  void Drain();

  std::size_t queued() const { return queue_.size(); }
  std::size_t queued_bytes() const { return queue_.bytes(); }
  std::uint64_t appended_events() const { return appended_events_; }
  std::uint64_t transactions() const { return transactions_; }
  std::uint64_t partitions_repaired() const { return partitions_repaired_; }

 private:
  using Requests = AppendRequestList;
  struct Attempt;

  void Run();
  void Process(Requests batch);
  void DropDead(Requests& batch);
  // Answers those that cannot be.
  void Seal(Requests& batch);
  absl::Status Prepare(const Requests& batch);
  std::chrono::milliseconds TimeFor(const Requests& batch) const;
  // Ok: every request is answered or deferred. Else nothing was written and nobody was answered.
  absl::Status Write(Requests& batch);
  absl::Status TryWrite(Requests& batch);
  absl::StatusOr<Attempt> Begin(const Requests& batch);
  // What became of a commit whose answer was lost. Ok: the batch is answered.
  absl::Status FindOutcome(Requests& batch, Attempt& attempt, const absl::Status& lost);
  absl::Status CheckIdentity();
  // Ok: those for `days_written_` are there.
  absl::Status MakePartitions(const absl::Status& missing);
  void Rollback();
  void Answer(Requests& batch, Attempt& attempt);
  void Observe(const Requests& batch, const Attempt& attempt, domain::MonotonicTime began);
  void Fail(Requests& batch, const absl::Status& status);

  const LaneWriterOptions options_;
  const int lanes_;
  ChunkCatalog& chunks_;
  const domain::Clock& clock_;
  const Sleeper sleep_;
  const std::string conninfo_;
  PipelineSession session_;
  RecentChunks recent_chunks_;
  LaneSharing sharing_;
  std::unique_ptr<Partitions> partitions_;       // of the store's engine; null before the first connection
  std::vector<domain::TimeRange> days_written_;  // by the last batch that found no partition
  std::uint64_t checked_generation_ = 0;
  std::chrono::milliseconds timeout_{};  // the session's statement_timeout; 0: not known
  std::atomic<std::uint64_t> appended_events_ = 0;
  std::atomic<std::uint64_t> transactions_ = 0;
  std::atomic<std::uint64_t> partitions_repaired_ = 0;

  Answerer answers_;  // outlives what is left in the queue
  AppendQueue queue_;
  std::thread thread_;
};

}  // namespace eventstore::storage
