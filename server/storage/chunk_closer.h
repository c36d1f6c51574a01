// Closes chunks, off the write path. First it sees to it that nothing can be appended to them any more, then it writes
// down what they hold (the directory), so that reads need not open them to find out.
//
//   (1) takes every lane and raises store_identity.closed_until to the end of the newest chunk that is long over.
//       An append reads closed_until under its lanes and records nothing before it, even if the clock jumps back.
//   (2) later, each chunk that ends by closed_until and is not recorded is recorded in a transaction of its own. Every
//       append to it had committed before (1) could take the lanes.
//
// It may stop anywhere: (2) finds what is left by looking. Whatever is not recorded counts as open.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ChunkCloserOptions {
  // A chunk is left open for so long after its end, by the database's clock. The lanes make it safe; this only keeps
  // (1) away from the hour in which a clock is set back a little.
  std::chrono::seconds grace{3'600};
  // Recorded in one step: what bounds its time and lets the caller stop in between.
  int chunks_a_step = 32;
};

struct ClosingStep {
  bool alone = true;  // false: another instance is at it, nothing was done
  int recorded = 0;
  int left = 0;  // that could be recorded at once
};

class ChunkCloser {
 public:
  explicit ChunkCloser(const std::string& conninfo) : ChunkCloser(conninfo, ChunkCloserOptions()) {}
  ChunkCloser(const std::string& conninfo, ChunkCloserOptions options);

  // `stop`: asked between chunks.
  absl::StatusOr<ClosingStep> Step(const std::function<bool()>& stop);

  // From another thread: ends the statement that runs, which then fails.
  void Cancel() const;

  // The two halves of a step, for tests.
  absl::Status RaiseClosedUntil();
  absl::StatusOr<ClosingStep> Record(const std::function<bool()>& stop);

 private:
  absl::Status Prepare();

  const std::string conninfo_;
  const ChunkCloserOptions options_;
  Session session_;
  ChunkCatalog catalog_;  // of its own: it must see chunks that readers have no use for
  std::uint64_t prepared_generation_ = 0;
  std::atomic<int> backend_pid_ = 0;
  int unanalyzed_ = 0;
};

}  // namespace eventstore::storage
