#include "server/storage/archived_chunks.h"

#include "fmt/format.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kList{"archived_list", R"sql(
SELECT (extract(epoch FROM range_start) * 1000000)::bigint, (extract(epoch FROM range_end) * 1000000)::bigint,
       events, coalesce(min_position, 0), coalesce(max_position, 0), digest, coalesce(file, ''),
       (extract(epoch FROM archived_at) * 1000000)::bigint, (extract(epoch FROM dropped_at) * 1000000)::bigint,
       (extract(epoch FROM restored_at) * 1000000)::bigint, (extract(epoch FROM hold_until) * 1000000)::bigint
FROM archived_chunks ORDER BY range_start, archived_at
)sql"};

constexpr Query kArchived{"archived_note", R"sql(
INSERT INTO archived_chunks (range_start, range_end, digest, file, events, min_position, max_position)
VALUES ($1::timestamptz, $2::timestamptz, $3, nullif($4, ''), $5::bigint,
        CASE WHEN $5::bigint > 0 THEN $6::bigint END, CASE WHEN $5::bigint > 0 THEN $7::bigint END)
ON CONFLICT (range_start, digest) DO UPDATE SET file = coalesce(excluded.file, archived_chunks.file)
)sql"};

constexpr Query kDropped{"archived_dropped", R"sql(
UPDATE archived_chunks SET dropped_at = clock_timestamp(), restored_at = NULL, hold_until = NULL
WHERE range_start = $1::timestamptz AND digest = $2
)sql"};

constexpr Query kRestored{"archived_restored", R"sql(
UPDATE archived_chunks
SET restored_at = clock_timestamp(), hold_until = clock_timestamp() + make_interval(days => $3::integer)
WHERE range_start = $1::timestamptz AND digest = $2
)sql"};

constexpr Query kGoneUpTo{"archived_gone_up_to", R"sql(
SELECT coalesce(max(max_position), 0) FROM archived_chunks WHERE gone
)sql"};

constexpr Query kStoreId{"store_id", "SELECT store_id FROM store_identity"};

constexpr Query kTryLock{"archive_lock", "SELECT pg_try_advisory_lock($1::integer, 0)"};
constexpr Query kUnlock{"archive_unlock", "SELECT pg_advisory_unlock($1::integer, 0)"};

std::optional<domain::TimeMicros> MaybeTime(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<std::int64_t>();
}

std::string Number(std::int64_t number) { return fmt::format("{}", number); }

}  // namespace

absl::StatusOr<bool> TryLockArchive(Session& session) {
  auto locked = session.Run(kTryLock, {Number(kArchiveLockClass)});
  if (!locked.ok()) return locked.status();
  return (*locked)[0][0].as<bool>();
}

// A lost session has lost the lock as well.
void UnlockArchive(Session& session) {
  if (session.connected() && !session.Run(kUnlock, {Number(kArchiveLockClass)}).ok()) session.Disconnect();
}

absl::StatusOr<std::vector<ArchivedChunk>> ListArchived(Session& session) {
  auto rows = session.Run(kList, {});
  if (!rows.ok()) return rows.status();
  std::vector<ArchivedChunk> archived;
  for (const auto& row : *rows) {
    archived.push_back(
        {.range = {row[0].as<std::int64_t>(), row[1].as<std::int64_t>()},
         .events = {row[2].as<std::int64_t>(), row[3].as<std::int64_t>(), row[4].as<std::int64_t>(), row[5].c_str()},
         .file = row[6].c_str(),
         .archived_at = row[7].as<std::int64_t>(),
         .dropped_at = MaybeTime(row[8]),
         .restored_at = MaybeTime(row[9]),
         .hold_until = MaybeTime(row[10])});
  }
  return archived;
}

absl::Status NoteArchived(Session& session, const ArchivedChunk& chunk) {
  return session
      .Run(kArchived, {TimestampText(chunk.range.from), TimestampText(chunk.range.to), chunk.events.digest, chunk.file,
                       Number(chunk.events.events), Number(chunk.events.least), Number(chunk.events.greatest)})
      .status();
}

absl::Status NoteDropped(Session& session, const ArchivedChunk& chunk) {
  return session.Run(kDropped, {TimestampText(chunk.range.from), chunk.events.digest}).status();
}

absl::Status NoteRestored(Session& session, const ArchivedChunk& chunk, int hold_days) {
  return session.Run(kRestored, {TimestampText(chunk.range.from), chunk.events.digest, Number(hold_days)}).status();
}

absl::StatusOr<domain::Position> ReadGoneUpTo(Session& session) {
  auto rows = session.Run(kGoneUpTo, {});
  if (!rows.ok()) return rows.status();
  return (*rows)[0][0].as<domain::Position>();
}

absl::StatusOr<std::string> ReadStoreId(Session& session) {
  auto rows = session.Run(kStoreId, {});
  if (!rows.ok()) return rows.status();
  return std::string((*rows)[0][0].c_str());
}

}  // namespace eventstore::storage
