// The rows of archived_chunks: what was archived, what is gone, what came back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/event_lines.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// "EVSR": one of retention and restoring works at a time. Of the session, to be tried and not waited for.
inline constexpr int kArchiveLockClass = 0x45565352;
absl::StatusOr<bool> TryLockArchive(Session& session);
void UnlockArchive(Session& session);

struct ArchivedChunk {
  domain::TimeRange range;
  EventDigest events;
  std::string file;  // name in the archive's folder; empty: dropped without an archive
  domain::TimeMicros archived_at = 0;
  std::optional<domain::TimeMicros> dropped_at = std::nullopt;
  std::optional<domain::TimeMicros> restored_at = std::nullopt;
  std::optional<domain::TimeMicros> hold_until = std::nullopt;

  bool gone() const { return dropped_at && !restored_at; }
};

// Oldest first.
absl::StatusOr<std::vector<ArchivedChunk>> ListArchived(Session& session);

// Each within the caller's transaction, if there is one. By the range's start and the digest.
absl::Status NoteArchived(Session& session, const ArchivedChunk& chunk);
absl::Status NoteDropped(Session& session, const ArchivedChunk& chunk);
// Held until then, by the database's clock: so many days from now.
absl::Status NoteRestored(Session& session, const ArchivedChunk& chunk, int hold_days);

// The greatest position of an event that is gone; 0: none is.
absl::StatusOr<domain::Position> ReadGoneUpTo(Session& session);

absl::StatusOr<std::string> ReadStoreId(Session& session);

}  // namespace eventstore::storage
