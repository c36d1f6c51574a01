// The legacy table as a file, before it is dropped: one JSON object a row and line, in the order of time, one zstd frame with
// its checksum. Beside it <file>.sha256, as `sha256sum -c` reads it. zstd, jq and sha256sum are enough to use it.
//
// It counts as written when it has been read back from the disk and holds the rows of the table.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// The same for the same rows in any order; see legacy_digest().
struct LegacyContent {
  std::int64_t rows = 0;
  // Sum of the first 8 bytes of the SHA-256 of each row's text, in decimal.
  std::string digest = "0";

  bool operator==(const LegacyContent&) const = default;
};

struct LegacyArchive {
  std::string path;
  LegacyContent content;
  std::int64_t bytes = 0;
  std::string sha256;  // of the file
};

// INVALID_REQUEST when files cannot be made there.
absl::Status CheckArchiveFolder(const std::string& folder);

// Writes the linked table to a new file in `folder`, and reads it back.
absl::StatusOr<LegacyArchive> ArchiveLegacyTable(Session& session, const std::string& folder);

// What a file holds. INTERNAL when it is damaged.
absl::StatusOr<LegacyContent> ReadArchiveFile(const std::string& path);

// With the table locked: the archive holds its rows, all and nothing else. MOVE_REFUSED when they changed since.
absl::Status RequireArchived(Session& session, const LegacyArchive& archive);

}  // namespace eventstore::storage
