// What waits for a lane's writer: bounded, first come first served, taken in batches. Thread-safe; one thread takes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/append.h"
#include "server/domain/clock.h"

namespace eventstore::storage {

struct AppendOutcome {
  absl::StatusOr<domain::AppendBatchResult> result;
  // It was stored before; the result is the first one.
  bool repeated = false;
  // A conflict that an append repeated after more than kIdWindow would get too: old_repeat.h finds out.
  bool may_be_old_repeat = false;
};

struct AppendRequest {
  domain::AppendBatch batch;
  std::set<int> lanes;  // of every aggregate it names
  std::size_t events = 0;
  std::size_t bytes = 0;
  domain::MonotonicTime deadline;
  // Set when the caller has gone: not written any more, if it still waits. May be null.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  bool sealed = false;  // by the vault
  // Called once, on the lane's answerer's thread; must not block.
  std::function<void(const domain::AppendBatch&, AppendOutcome)> done;
};

using AppendRequestList = std::vector<std::unique_ptr<AppendRequest>>;

struct AppendQueueOptions {
  // What may wait: so many requests and, beside a first one, so many bytes of data and metadata. More is refused.
  std::size_t max_requests = 4096;
  std::size_t max_bytes = 64 << 20;
  // Of one batch, beside a first request. More waits for the next: they bound its memory and the time it holds its lanes.
  std::size_t max_batch_events = 2'000;
  std::size_t max_batch_bytes = 4 << 20;
};

class AppendQueue {
 public:
  explicit AppendQueue(AppendQueueOptions options) : options_(options) {}

  // False: it is full or closed, and `request` is untouched.
  bool Put(AppendRequest& request);
  // What has queued, as much as a batch may have; waits for a first request, never for more. Empty: closed and empty.
  AppendRequestList Take();
  // To the front, in their order: they keep their place before what came later.
  void PutBack(AppendRequestList requests);
  // Nothing more is let in; what waits may still be taken.
  void Close();
  // Closes, and gives what waits, to the caller instead of Take().
  AppendRequestList Empty();

  std::size_t size() const;
  // Of data and metadata of what waits.
  std::size_t bytes() const;

 private:
  const AppendQueueOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<AppendRequest>> requests_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  bool emptied_ = false;
};

}  // namespace eventstore::storage
