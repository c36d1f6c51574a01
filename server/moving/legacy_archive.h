// The legacy table as a file, before it is dropped: one JSON object a row and line, in the order of time, one zstd frame with
// its checksum. Beside it <file>.sha256, as `sha256sum -c` reads it. zstd, jq and sha256sum are enough to use it.
//
// It counts as written when it has been read back from the disk and holds the rows of the table.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/moving/row_digest.h"
#include "server/storage/session.h"

namespace eventstore::moving {

struct LegacyArchive {
  std::string path;
  LegacyContent content;
  std::int64_t bytes = 0;
  std::string sha256;  // of the file
};

// INVALID_REQUEST when files cannot be made there.
absl::Status CheckArchiveFolder(const std::string& folder);

// Writes the linked table to a new file in `folder`, and reads it back. `before_reading` is told the file's name; for tests.
absl::StatusOr<LegacyArchive> ArchiveLegacyTable(storage::Session& session, const std::string& folder,
                                                 const std::function<void(const std::string&)>& before_reading = {});

// What a file holds. ARCHIVE_DAMAGED when it is not whole.
absl::StatusOr<LegacyContent> ReadArchiveFile(const std::string& path);

// With the table locked: the archive holds its rows, all and nothing else. MOVE_REFUSED when they changed since.
absl::Status RequireArchived(storage::Session& session, const LegacyArchive& archive);

}  // namespace eventstore::moving
