// Retention of operational records and of histories: takes the chunks that are over out of the tables of time_tables, each as
// its row there says, after they were archived and the archive was read back.
//
// Per chunk, as retention of events does it (retention.h), with less to mind: no heads, no groups, no directory.
//   (1) its rows go into an archive file, which is read back from the disk and compared with the database's own digest;
//   (2) a row of archived_rows names the file;
//   (3) in one transaction, under a lock against changes, the digest is compared once more and the chunk is dropped.
// A run that ends anywhere is finished by the next one. A chunk that somebody locks waits for the next run.
//
// It is on by default. Where there is no folder to archive to, nothing is dropped, and the run says so.
#pragma once

#include <utility>

#include "server/housekeeping/task.h"
#include "server/housekeeping/tasks/retention.h"

namespace eventstore::housekeeping {

class RecordRetention final : public Task {
 public:
  // Of `options` all but the rules, which are of events.
  explicit RecordRetention(RetentionOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "record-retention"; }
  std::string_view description() const override {
    return "Archives and drops operational records and histories that are older than they are kept";
  }

  // counts: partitions_dropped, partitions_waiting, rows_archived, rows_dropped, bytes_freed, archive_bytes. A dry run has
  // partitions_to_drop and bytes_to_free instead, and tells each chunk as progress. parameters.retention_days takes the place
  // of the days of all tables that have some.
  //
  // Errors: ARCHIVE_FULL, ARCHIVE_UNAVAILABLE, ARCHIVE_DAMAGED.
  absl::StatusOr<TaskReport> Run(TaskContext& context) override;

 private:
  const RetentionOptions options_;
};

}  // namespace eventstore::housekeeping
