// How the consumer groups of the store do, looked at now and then: an operator wants to see a group that nobody works for,
// too. Whoever asks gets what was found last, and waits for nothing.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/read_executor.h"

namespace eventstore::subscriptions {

struct GroupSample {
  std::string name;
  std::size_t members = 0;
  std::int64_t parked = 0;
  std::int64_t lag_events = 0;  // at least; kMaxLagCounted at most
  double lag_seconds = 0;       // age of the oldest event that waits
};

struct GroupSamplerOptions {
  std::chrono::milliseconds interval{15'000};  // 0: never looks
  // Rests so many times as long as a look took: a store with much to count is not kept busy with it.
  int rest_factor = 20;
  // Groups by name; further ones are not looked at. Their names become labels.
  int max_groups = 100;
  // What was found longer ago is not known any more.
  std::chrono::milliseconds stale{120'000};
};

class GroupSampler {
 public:
  GroupSampler(GroupSamplerOptions options, storage::ReadExecutor& readers, storage::ChunkCatalog& chunks,
               const domain::Clock& clock);
  ~GroupSampler();
  GroupSampler(const GroupSampler&) = delete;
  GroupSampler& operator=(const GroupSampler&) = delete;

  // Empty where nothing is known.
  std::vector<GroupSample> Last() const;
  void Stop();

 private:
  void Run();
  // On the reading pool; returns when it is done.
  absl::StatusOr<std::vector<GroupSample>> Look();
  absl::StatusOr<std::vector<GroupSample>> LookWith(storage::Session& session) const;

  const GroupSamplerOptions options_;
  storage::ReadExecutor& readers_;
  storage::ChunkCatalog& chunks_;
  const domain::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<GroupSample> last_;
  domain::MonotonicTime found_at_;
  std::thread thread_;
};

}  // namespace eventstore::subscriptions
