// Takes archived events back into events_v2, with the positions, times and versions they had.
//
// A file comes back whole or not at all: it is read to its end first; then, in one transaction, its events are inserted,
// what the table holds of them now is compared with the file's digest, the directory of closed chunks follows, and the
// row of archived_chunks says until when retention leaves them alone. Events that are there already are left as they
// are, so repeating a restore does nothing. Heads are not touched.
//
// What is left of an aggregate must be its end without a gap. So what is restored has to reach to what is there: if
// something younger is gone too and not asked for, the restore is refused. Newest first, so that one that was ended in
// the middle left no gap either.
//
// While a file is restored, an append that needs a new chunk waits for it. Others do not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/archive/folder.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::housekeeping {

struct RestoreOptions {
  domain::TimeRange range = {};         // whatever overlaps it
  std::vector<std::string> files = {};  // or these alone, by their names
  int hold_days = 30;                   // retention leaves them alone for so long
};

struct RestoredFile {
  std::string file;
  std::int64_t events = 0;
  std::int64_t inserted = 0;  // the others were there
};

struct RestoreProgress {
  std::string file;
  int files_done = 0;
  int files_total = 0;
  std::int64_t events_done = 0;  // of this file
  std::int64_t events_total = 0;
};

using RestoreProgressSink = std::function<void(const RestoreProgress&)>;

// Newest first. INVALID_REQUEST when nothing fits, or a gap would be left; ARCHIVE_DAMAGED; STORE_INCOMPATIBLE when a
// file is of another store.
absl::StatusOr<std::vector<RestoredFile>> RestoreArchives(storage::Session& session, const archive::Folder& folder,
                                                          const RestoreOptions& options,
                                                          const RestoreProgressSink& progress);

}  // namespace eventstore::housekeeping
