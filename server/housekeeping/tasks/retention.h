// Retention: takes what is over out of events_v2, oldest chunk first, after it was archived and the archive was read back.
//
// Per chunk, each step leaving the store whole:
//   (1) it is closed, no consumer group needs anything of it, and it is not held (otherwise it waits, and all younger
//       ones with it);
//   (2) its events go into an archive file, which is read back from the disk and compared with the database's own digest;
//   (3) a row of archived_chunks names the file;
//   (4) in one transaction: under a lock against changes the digest is compared once more, the chunk is dropped (or loses
//       the aggregates that are over), the directory of closed chunks follows, and the row says that it is gone.
// A run that ends anywhere is finished by the next one: what was archived and verifies is not archived again.
//
// Locks are tried for a moment only. While the chunk's lock is waited for, nothing that appends need is held; where a
// reader keeps the chunk for longer than all tries, it waits for the next run.
//
// Heads are never touched, so versions go on.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/retention.h"
#include "server/housekeeping/task.h"

namespace eventstore::housekeeping {

struct RetentionOptions {
  domain::RetentionRules rules;
  // False: drops without an archive. Never the default: the operator says archive = none.
  bool archive = true;
  std::string archive_dir;  // must be given unless archive is false

  // For each try to lock a chunk; how many tries; the pause between two.
  std::chrono::milliseconds lock_timeout{200};
  int lock_tries = 20;
  std::chrono::milliseconds lock_pause{500};
  std::function<void(std::chrono::milliseconds)> sleep = nullptr;  // null: really
  // Called before each step that can be seen from outside, by its name; an error ends the run there. For tests.
  std::function<absl::Status(const char* step)> before = nullptr;
};

class RetentionTask final : public Task {
 public:
  explicit RetentionTask(RetentionOptions options);

  std::string_view name() const override { return "retention"; }
  std::string_view description() const override {
    return "Archives and drops events that are older than they are kept";
  }

  // counts: partitions_dropped, partitions_thinned, partitions_waiting, events_archived, events_dropped, bytes_freed,
  // archive_bytes. A dry run has partitions_to_drop, partitions_to_thin, events_to_drop, bytes_to_free and
  // events_to_drop.<aggregate type> instead, and tells each chunk as progress. parameters.retention_days takes the place
  // of the days for types without a rule of their own.
  //
  // Errors: ARCHIVE_FULL, ARCHIVE_UNAVAILABLE, ARCHIVE_DAMAGED; INVALID_REQUEST without a folder. What was dropped before
  // is dropped, and archived. A chunk that has to wait is no error: summary and counts say so.
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const RetentionOptions options_;
};

}  // namespace eventstore::housekeeping
