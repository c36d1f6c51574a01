// The storage half of one eventstored process. Several of them on one database are several servers.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/system_clock.h"
#include "server/storage/appender.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/cursor.h"
#include "server/storage/read_executor.h"

namespace eventstore::testing {

using AppendAnswer = absl::StatusOr<domain::AppendBatchResult>;

class Instance {
 public:
  struct Options {
    int lanes = 2;  // what the migrations give a new store
    std::size_t max_queue_per_lane = 4096;
    // Null: the machine's clock and real pauses.
    const domain::Clock* clock = nullptr;
    storage::Sleeper sleep = nullptr;
    storage::AppendObserver* observer = nullptr;
  };

  explicit Instance(const std::string& conninfo) : Instance(conninfo, Options()) {}
  Instance(const std::string& conninfo, const Options& options);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // With a minute to live.
  std::future<AppendAnswer> Start(domain::AppendBatch batch);
  std::future<AppendAnswer> Start(domain::AppendBatch batch, domain::MonotonicTime deadline,
                                  std::shared_ptr<const std::atomic<bool>> cancelled);
  AppendAnswer Append(domain::AppendBatch batch) { return Start(std::move(batch)).get(); }

  storage::Appender& appender() { return *appender_; }
  storage::ChunkCatalog& chunks() { return chunks_; }
  const domain::Clock& clock() const { return clock_; }

  // Ends the appender before the rest: its destructor, without Drain().
  void DestroyAppender() { appender_.reset(); }

 private:
  const domain::SystemClock system_clock_;
  const domain::Clock& clock_;
  storage::ChunkCatalog chunks_;
  storage::ReadExecutor readers_;
  std::unique_ptr<storage::Appender> appender_;
};

// All pages of a cursor. An error anywhere is the answer.
absl::StatusOr<std::vector<domain::RecordedEvent>> ReadToEnd(storage::Cursor& cursor, storage::Session& session,
                                                             storage::ChunkCatalog& chunks);

// Every event after `from`, up to the horizon.
absl::StatusOr<std::vector<domain::RecordedEvent>> ReadAllAfter(domain::Position from, storage::Session& session,
                                                                storage::ChunkCatalog& chunks);

absl::StatusOr<std::vector<domain::RecordedEvent>> ReadAggregate(const domain::Uuid& aggregate_id,
                                                                 storage::Session& session,
                                                                 storage::ChunkCatalog& chunks);

}  // namespace eventstore::testing
