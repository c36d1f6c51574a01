// One chunk: archived, verified, dropped (retention.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/archive/folder.h"
#include "server/housekeeping/task.h"
#include "server/housekeeping/tasks/retention.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/event_lines.h"
#include "server/storage/partitions.h"

namespace eventstore::housekeeping {

struct ChunkOutcome {
  enum class Kind { kDropped, kThinned, kNothing, kWaiting };
  Kind kind = Kind::kNothing;
  std::string waiting_for;  // kWaiting
  std::int64_t events = 0;  // that are gone now
  std::int64_t archived_events = 0;
  std::int64_t archive_bytes = 0;
};

class ChunkArchiver {
 public:
  struct Parts {
    const RetentionOptions& options;
    TaskContext& context;
    const storage::Partitions& partitions;
    const archive::Folder* folder;  // null: without archive
    std::string store_id;
  };

  explicit ChunkArchiver(Parts parts) : parts_(std::move(parts)) {}

  // `types`: empty: all of it. Otherwise what can go of these types.
  absl::StatusOr<ChunkOutcome> Run(const storage::Chunk& chunk, const storage::Partition& partition,
                                   const std::vector<std::string>& types);

 private:
  absl::Status Before(const char* step) const;
  // The archive file of these events, there and whole.
  absl::StatusOr<archive::Manifest> Archived(const storage::Chunk& chunk, const storage::EventRows& rows,
                                             const storage::EventDigest& digest, ChunkOutcome& outcome);
  absl::StatusOr<std::optional<archive::Manifest>> FindArchived(const storage::Chunk& chunk,
                                                                const storage::EventDigest& digest) const;
  absl::Status Fill(const storage::Chunk& chunk, const storage::EventRows& rows, std::int64_t total,
                    archive::ArchiveWriter& writer);
  absl::Status DropWithTries(const storage::Chunk& chunk, const storage::Partition& partition,
                             const storage::ArchivedChunk& archived, bool whole);
  absl::Status Drop(const storage::Chunk& chunk, const storage::Partition& partition,
                    const storage::ArchivedChunk& archived, bool whole);
  void Tell(const storage::Chunk& chunk, std::int64_t done, std::int64_t total, domain::MonotonicTime begun) const;

  const Parts parts_;
};

// "2026-08-01T00:00Z"; without the time when it is midnight.
std::string DayText(domain::TimeMicros time);

}  // namespace eventstore::housekeeping
