#include "server/housekeeping/tasks/chunk_archiver.h"

#include <algorithm>
#include <ctime>
#include <thread>
#include <utility>

#include "fmt/chrono.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/domain/error.h"
#include "server/storage/chunk_recorder.h"
#include "server/storage/group_needs.h"
#include "server/storage/sql_errors.h"
#include "server/storage/transaction.h"

namespace eventstore::housekeeping {
namespace {

using storage::EventDigest;
using storage::EventRows;

// lock_not_available, and a reader's planning that locked the other way round.
bool IsLockTrouble(const absl::Status& status) {
  const std::string state = storage::SqlStateOf(status);
  return state == "55P03" || state == "40P01";
}

absl::Status Stopped() {
  return domain::ErrorOf(domain::Reason::kCancelled, "stopped; what was dropped is archived, the next run goes on");
}

absl::Status Changed(const storage::Chunk& chunk, const std::string& against) {
  return domain::ErrorOf(domain::Reason::kInternal,
                         fmt::format("{} does not hold what {} says; nothing was dropped. Somebody changed events by "
                                     "hand: see `eventctl verify`",
                                     chunk.table, against));
}

}  // namespace

std::string DayText(domain::TimeMicros time) {
  const auto seconds = static_cast<std::time_t>(time / domain::kMicrosPerSecond);
  if (time % domain::kMicrosPerDay == 0) return fmt::format("{:%Y-%m-%d}", fmt::gmtime(seconds));
  return fmt::format("{:%Y-%m-%dT%H:%MZ}", fmt::gmtime(seconds));
}

absl::Status ChunkArchiver::Before(const char* step) const {
  return parts_.options.before ? parts_.options.before(step) : absl::OkStatus();
}

absl::StatusOr<ChunkOutcome> ChunkArchiver::Run(const storage::Chunk& chunk, const storage::Partition& partition,
                                                const std::vector<std::string>& types) {
  storage::Session& session = parts_.context.session;
  ChunkOutcome outcome;
  EventRows rows{chunk.table, !types.empty()};
  if (rows.selected) {
    absl::Status selected = storage::SelectOver(session, chunk.table, chunk.range, types);
    if (!selected.ok()) return selected;
  }
  auto digest = storage::DigestOf(session, rows);
  if (!digest.ok()) return digest.status();
  const std::int64_t held = chunk.closed ? chunk.closed->events : 0;
  const bool whole = !rows.selected || digest->events == held;
  if (whole) rows.selected = false;
  // What cannot go alone stays, and is asked again next time.
  if (!whole && digest->events == 0) return outcome;
  auto needed = storage::GroupsThatNeed(session, chunk);
  if (!needed.ok()) return needed.status();
  if (!needed->empty()) {
    outcome.kind = ChunkOutcome::Kind::kWaiting;
    outcome.waiting_for =
        fmt::format("consumer group {} has not handled, or has parked, events of it", fmt::join(*needed, ", "));
    return outcome;
  }
  storage::ArchivedChunk archived{.range = chunk.range, .events = *digest, .file = ""};
  if (parts_.folder != nullptr) {
    auto manifest = Archived(chunk, rows, *digest, outcome);
    if (!manifest.ok()) return manifest.status();
    archived.file = manifest->file;
  }
  if (absl::Status go = Before("note archive"); !go.ok()) return go;
  if (absl::Status noted = storage::NoteArchived(session, archived); !noted.ok()) return noted;
  if (absl::Status go = Before("drop"); !go.ok()) return go;
  if (absl::Status dropped = DropWithTries(chunk, partition, archived, whole); !dropped.ok()) {
    if (!IsLockTrouble(dropped)) return dropped;
    outcome.kind = ChunkOutcome::Kind::kWaiting;
    outcome.waiting_for = "a long read or another session locks it";
    return outcome;
  }
  outcome.kind = whole ? ChunkOutcome::Kind::kDropped : ChunkOutcome::Kind::kThinned;
  outcome.events = digest->events;
  return outcome;
}

absl::StatusOr<std::optional<archive::Manifest>> ChunkArchiver::FindArchived(const storage::Chunk& chunk,
                                                                             const EventDigest& digest) const {
  auto entries = parts_.folder->List();
  if (!entries.ok()) return entries.status();
  for (const archive::Entry& entry : *entries) {
    const archive::Manifest& manifest = entry.manifest;
    if (!entry.whole.ok() || manifest.header.store_id != parts_.store_id ||
        manifest.header.range.from != chunk.range.from || manifest.footer.digest != digest.digest) {
      continue;
    }
    // A damaged one is left to the operator, and the events are written to another file.
    if (auto whole = parts_.folder->Verify(entry.file, nullptr); whole.ok()) return *whole;
  }
  return std::nullopt;
}

absl::StatusOr<archive::Manifest> ChunkArchiver::Archived(const storage::Chunk& chunk, const EventRows& rows,
                                                          const EventDigest& digest, ChunkOutcome& outcome) {
  auto found = FindArchived(chunk, digest);
  if (!found.ok()) return found.status();
  if (*found) return **found;
  if (absl::Status go = Before("write"); !go.ok()) return go;
  auto manifest = parts_.folder->Write(
      {parts_.store_id, chunk.range},
      [&](archive::ArchiveWriter& writer) { return Fill(chunk, rows, digest.events, writer); }, parts_.options.before);
  if (!manifest.ok()) return manifest.status();
  const archive::Footer& footer = manifest->footer;
  if (EventDigest{footer.events, footer.least, footer.greatest, footer.digest} != digest) {
    return Changed(chunk, parts_.folder->PathOf(manifest->file));
  }
  outcome.archived_events = footer.events;
  outcome.archive_bytes = manifest->bytes;
  return manifest;
}

absl::Status ChunkArchiver::Fill(const storage::Chunk& chunk, const EventRows& rows, std::int64_t total,
                                 archive::ArchiveWriter& writer) {
  const domain::MonotonicTime begun = parts_.context.clock.Monotonic();
  storage::EventLineReader reader(parts_.context.session);
  if (absl::Status opened = reader.Open(rows); !opened.ok()) return opened;
  for (std::int64_t done = 0;;) {
    auto lines = reader.Next();
    if (!lines.ok()) return lines.status();
    if (lines->empty()) return absl::OkStatus();
    for (const std::string& line : *lines) {
      if (absl::Status added = writer.Add(line); !added.ok()) return added;
    }
    done += static_cast<std::int64_t>(lines->size());
    Tell(chunk, done, total, begun);
    if (parts_.context.stop && parts_.context.stop()) return Stopped();
  }
}

void ChunkArchiver::Tell(const storage::Chunk& chunk, std::int64_t done, std::int64_t total,
                         domain::MonotonicTime begun) const {
  if (!parts_.context.progress) return;
  const std::chrono::duration<double> passed = parts_.context.clock.Monotonic() - begun;
  const double rate = passed.count() > 0 ? static_cast<double>(done) / passed.count() : 0;
  const std::string left = rate > 0 ? fmt::format(", {:.0f} s left", static_cast<double>(total - done) / rate) : "";
  parts_.context.progress({fmt::format("archiving {}: {} of {} events, {:.0f} events/s{}", DayText(chunk.range.from),
                                       done, total, rate, left),
                           done, total});
}

absl::Status ChunkArchiver::DropWithTries(const storage::Chunk& chunk, const storage::Partition& partition,
                                          const storage::ArchivedChunk& archived, bool whole) {
  absl::Status dropped;
  for (int tries = 0; tries < parts_.options.lock_tries; ++tries) {
    if (tries > 0) {
      if (parts_.context.stop && parts_.context.stop()) return Stopped();
      if (parts_.options.sleep) {
        parts_.options.sleep(parts_.options.lock_pause);
      } else {
        std::this_thread::sleep_for(parts_.options.lock_pause);
      }
    }
    dropped = Drop(chunk, partition, archived, whole);
    if (dropped.ok() || !IsLockTrouble(dropped)) return dropped;
  }
  return dropped;
}

absl::Status ChunkArchiver::Drop(const storage::Chunk& chunk, const storage::Partition& partition,
                                 const storage::ArchivedChunk& archived, bool whole) {
  storage::Session& session = parts_.context.session;
  storage::Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  // Against changes first, with which reads go on while the digest is made; then against everybody, before anything that
  // appends could need.
  auto locked = session.RunScript(fmt::format("SET LOCAL lock_timeout = {}; LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
                                              parts_.options.lock_timeout.count(), chunk.table));
  if (!locked.ok()) return locked.status();
  auto digest = storage::DigestOf(session, {chunk.table, !whole});
  if (!digest.ok()) return digest.status();
  if (*digest != archived.events) return Changed(chunk, archived.file.empty() ? "its list" : archived.file);
  if (whole) {
    auto alone = session.RunScript(fmt::format("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", chunk.table));
    if (!alone.ok()) return alone.status();
    if (absl::Status gone = parts_.partitions.Drop(session, partition); !gone.ok()) return gone;
  } else if (absl::Status gone = storage::DeleteSelected(session, chunk.table); !gone.ok()) {
    return gone;
  }
  if (absl::Status noted = storage::NoteDropped(session, archived); !noted.ok()) return noted;
  const absl::Status recorded =
      whole ? storage::ForgetChunkWithin(session, chunk.range.from) : storage::RecordChunkWithin(session, chunk);
  if (!recorded.ok()) return recorded;
  if (absl::Status go = Before("commit"); !go.ok()) return go;
  return transaction.Commit();
}

}  // namespace eventstore::housekeeping
