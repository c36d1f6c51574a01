// The way in for appends: finds the lanes, queues with the right writer, and looks up old repeats.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/append.h"
#include "server/storage/lane_writer.h"
#include "server/storage/read_executor.h"

namespace eventstore::storage {

struct AppenderOptions {
  std::size_t max_queue_per_lane = 4096;
  // Called after each commit with events, by a lane's thread; must not block.
  std::function<void()> committed = [] {};
  // Outlives the appender; null: nobody counts.
  AppendObserver* observer = nullptr;
  // Outlives the appender; null: nothing is encrypted.
  EventVault* vault = nullptr;
};

class Appender {
 public:
  using Done = std::function<void(absl::StatusOr<domain::AppendBatchResult>)>;

  // `lanes` as recorded in the database.
  Appender(const AppenderOptions& options, const std::string& conninfo, int lanes, ChunkCatalog& chunks,
           ReadExecutor& readers, const domain::Clock& clock, const Sleeper& sleep);

  // `batch` is validated. `done` is called once, on another thread, and must not block. QUEUE_FULL comes back through
  // `done` at once, on this thread.
  void Append(domain::AppendBatch batch, domain::MonotonicTime deadline,
              std::shared_ptr<const std::atomic<bool>> cancelled, const Done& done);

  // New appends get SHUTTING_DOWN from now on.
  void Refuse() { draining_ = true; }

  // Refuses new appends, and returns when those that wait are finished. Call it once.
  void Drain();

  std::size_t queued() const;
  // What waits in each lane, and how much may.
  struct LaneQueue {
    std::size_t requests = 0;
    std::size_t bytes = 0;
  };
  std::vector<LaneQueue> queues() const;
  LaneQueue queue_limits() const { return {max_queue_.max_requests, max_queue_.max_bytes}; }
  // Since the start.
  std::uint64_t appended_events() const;
  std::uint64_t transactions() const;
  // Partitions that appends had to make because there was none for their time. Above 0: upkeep does not run.
  std::uint64_t partitions_repaired() const;

 private:
  void LookForOldRepeat(const domain::AppendBatch& batch, const absl::Status& conflict, domain::MonotonicTime deadline,
                        const Done& done);

  void Answer(const Done& done, absl::StatusOr<domain::AppendBatchResult> result, bool repeated);

  const int lanes_;
  AppendQueueOptions max_queue_;
  AppendObserver* const observer_;
  ChunkCatalog& chunks_;
  ReadExecutor& readers_;
  std::atomic<bool> draining_ = false;
  std::vector<std::unique_ptr<LaneWriter>> writers_;
};

}  // namespace eventstore::storage
