#include "server/housekeeping/tasks/restore.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/housekeeping/tasks/chunk_archiver.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/chunk_recorder.h"
#include "server/storage/closer_lock.h"
#include "server/storage/event_lines.h"
#include "server/storage/partitions.h"
#include "server/storage/sql_errors.h"
#include "server/storage/store_identity.h"
#include "server/storage/transaction.h"

namespace eventstore::housekeeping {
namespace {

using domain::ErrorOf;
using domain::Reason;
using storage::ArchivedChunk;

// Lines are sent in pieces of about this size.
constexpr std::size_t kBatchBytes = 1 << 20;

constexpr storage::Query kClosedUntil{
    "restore_closed_until",
    "SELECT CASE WHEN isfinite(closed_until) THEN (extract(epoch FROM closed_until) * 1000000)::bigint ELSE 0 END "
    "FROM store_identity"};

// Waits, since a closer works in short steps.
constexpr storage::Query kLockCloser{"restore_lock_closer", "SELECT pg_advisory_lock($1::integer, 0)"};
constexpr storage::Query kUnlockCloser{"restore_unlock_closer", "SELECT pg_advisory_unlock($1::integer, 0)"};

bool Overlap(const domain::TimeRange& a, const domain::TimeRange& b) { return a.from < b.to && b.from < a.to; }

class Restore {
 public:
  Restore(storage::Session& session, const archive::Folder& folder, const RestoreOptions& options,
          const RestoreProgressSink& progress)
      : session_(session), folder_(folder), options_(options), progress_(progress) {}

  absl::StatusOr<std::vector<RestoredFile>> Run() {
    auto identity = storage::EnsureIdentity(session_, catalog_);
    if (!identity.ok()) return identity.status();
    partitions_ = storage::PartitionsOf(identity->engine, identity->edition);
    auto store_id = storage::ReadStoreId(session_);
    if (!store_id.ok()) return store_id.status();
    store_id_ = *std::move(store_id);
    auto archived = storage::ListArchived(session_);
    if (!archived.ok()) return archived.status();
    archived_ = *std::move(archived);
    if (absl::Status chosen = Choose(); !chosen.ok()) return chosen;
    if (absl::Status whole = LeavesNoGap(); !whole.ok()) return whole;
    std::vector<RestoredFile> restored;
    for (const archive::Manifest& manifest : chosen_) {
      now_ = {manifest.file, static_cast<int>(restored.size()), static_cast<int>(chosen_.size()), 0,
              manifest.footer.events};
      auto one = RestoreOne(manifest);
      if (!one.ok()) return one.status();
      restored.push_back(*std::move(one));
    }
    return restored;
  }

 private:
  absl::Status Choose() {
    auto entries = folder_.List();
    if (!entries.ok()) return entries.status();
    for (const std::string& file : options_.files) {
      const auto entry = std::ranges::find(*entries, file, &archive::Entry::file);
      if (entry == entries->end()) {
        return ErrorOf(Reason::kInvalidRequest, fmt::format("{} has no file {}; `eventctl archive list` names those "
                                                            "that are there",
                                                            folder_.path(), file));
      }
      if (!entry->whole.ok()) return entry->whole;
      if (entry->manifest.header.table != archive::kEventsTable) {
        return domain::InvalidField(
            "files", fmt::format("{} holds rows of {}, and events alone are restored; see docs/operations-records.md",
                                 file, entry->manifest.header.table));
      }
      if (entry->manifest.header.store_id != store_id_) {
        return ErrorOf(Reason::kStoreIncompatible, fmt::format("{} is of another store: {}, and this one is {}", file,
                                                               entry->manifest.header.store_id, store_id_));
      }
      chosen_.push_back(entry->manifest);
    }
    if (options_.files.empty()) {
      if (absl::Status chosen = ChooseByTime(*entries); !chosen.ok()) return chosen;
    }
    if (chosen_.empty()) {
      return ErrorOf(Reason::kInvalidRequest,
                     "nothing of this time is gone: see `eventctl archive list`, and give other times");
    }
    std::ranges::sort(chosen_, [](const auto& a, const auto& b) { return a.header.range.from > b.header.range.from; });
    return absl::OkStatus();
  }

  // What the database says is gone, from the file that has it; files of other stores, and copies, do not matter.
  absl::Status ChooseByTime(const std::vector<archive::Entry>& entries) {
    for (const ArchivedChunk& gone : archived_) {
      if (!gone.gone() || !Overlap(gone.range, options_.range)) continue;
      const auto holds = [&](const archive::Entry& entry) {
        return entry.whole.ok() && entry.manifest.header.store_id == store_id_ &&
               entry.manifest.header.range.from == gone.range.from &&
               entry.manifest.footer.digest == gone.events.digest;
      };
      const auto entry = std::ranges::find_if(entries, holds);
      if (entry == entries.end()) return NoFile(gone);
      chosen_.push_back(entry->manifest);
    }
    return absl::OkStatus();
  }

  absl::Status NoFile(const ArchivedChunk& gone) const {
    const std::string range = fmt::format("{} to {}", DayText(gone.range.from), DayText(gone.range.to));
    if (gone.file.empty()) {
      return ErrorOf(Reason::kInvalidRequest,
                     fmt::format("the events of {} were dropped without an archive; they cannot come back, nor what is "
                                 "older",
                                 range));
    }
    return ErrorOf(
        Reason::kArchiveDamaged,
        fmt::format("the events of {} were archived in {}, which {} does not have, or not whole; take it from "
                    "a backup (`eventctl archive verify` tells more)",
                    range, gone.file, folder_.path()));
  }

  // Everything gone that is not older than the oldest of these has to be among them.
  absl::Status LeavesNoGap() const {
    const domain::TimeMicros oldest = chosen_.back().header.range.from;
    for (const ArchivedChunk& gone : archived_) {
      if (!gone.gone() || gone.range.from < oldest) continue;
      const bool comes = std::ranges::any_of(chosen_, [&](const archive::Manifest& manifest) {
        return manifest.header.range.from == gone.range.from && manifest.footer.digest == gone.events.digest;
      });
      if (comes) continue;
      return ErrorOf(Reason::kInvalidRequest,
                     fmt::format("that would leave a gap in the histories of aggregates: {} to {} is gone too; restore "
                                 "everything from {} on (--from {} without --to), or read the file with zstdcat",
                                 DayText(gone.range.from), DayText(gone.range.to), DayText(oldest), DayText(oldest)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RestoredFile> RestoreOne(const archive::Manifest& manifest) {
    Tell(0);
    auto whole = folder_.Verify(manifest.file, nullptr);
    if (!whole.ok()) return whole.status();
    if (partitions_->made_ahead()) {
      if (auto made = partitions_->Ensure(session_, manifest.header.range); !made.ok()) return made.status();
    }
    const std::string closer = fmt::format("{}", storage::kCloserLockClass);
    if (auto locked = session_.Run(kLockCloser, {closer}); !locked.ok()) return locked.status();
    auto restored = Insert(*whole);
    if (session_.connected() && !session_.Run(kUnlockCloser, {closer}).ok()) session_.Disconnect();
    return restored;
  }

  absl::StatusOr<RestoredFile> Insert(const archive::Manifest& manifest) {
    storage::Transaction transaction(session_);
    if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
    storage::EventLineWriter writer(session_);
    if (absl::Status begun = writer.Begin(); !begun.ok()) return begun;
    if (absl::Status sent = Send(manifest, writer); !sent.ok()) return sent;
    auto result = writer.Finish();
    if (!result.ok()) return result.status();
    const archive::Footer& footer = manifest.footer;
    const storage::EventDigest expected{footer.events, footer.least, footer.greatest, footer.digest};
    if (result->stored != expected) {
      return ErrorOf(
          Reason::kInternal,
          fmt::format("{} holds events whose ids are taken by others in the store, or that are not what they "
                      "were; nothing of it was restored",
                      manifest.file));
    }
    const ArchivedChunk row{.range = manifest.header.range, .events = expected, .file = manifest.file};
    if (absl::Status noted = storage::NoteArchived(session_, row); !noted.ok()) return noted;
    if (absl::Status noted = storage::NoteRestored(session_, row, options_.hold_days); !noted.ok()) return noted;
    if (absl::Status recorded = Record(manifest.header.range); !recorded.ok()) return recorded;
    if (absl::Status committed = transaction.Commit(); !committed.ok()) return committed;
    return RestoredFile{manifest.file, footer.events, result->inserted};
  }

  absl::Status Send(const archive::Manifest& manifest, storage::EventLineWriter& writer) {
    std::vector<std::string> batch;
    std::size_t bytes = 0;
    std::int64_t done = 0;
    const auto flush = [&]() -> absl::Status {
      if (batch.empty()) return absl::OkStatus();
      done += static_cast<std::int64_t>(batch.size());
      absl::Status added = writer.Add(batch);
      batch.clear();
      bytes = 0;
      Tell(done);
      return added;
    };
    auto read = archive::ReadArchiveFile(folder_.PathOf(manifest.file), [&](std::string_view line) -> absl::Status {
      batch.emplace_back(line);
      bytes += line.size();
      return bytes < kBatchBytes ? absl::OkStatus() : flush();
    });
    if (!read.ok()) return read.status();
    return flush();
  }

  // The restored events are in chunks that nothing can be appended to: what these hold is recorded with them, or readers
  // would not find them in a chunk that was recorded before.
  absl::Status Record(const domain::TimeRange& range) {
    auto until = session_.Run(kClosedUntil, {});
    if (!until.ok()) return until.status();
    storage::ChunkCatalog fresh;
    auto chunks = fresh.Within(session_, range);
    if (!chunks.ok()) return chunks.status();
    for (const storage::Chunk& chunk : *chunks) {
      if (chunk.range.to > (*until)[0][0].as<std::int64_t>()) continue;
      if (absl::Status recorded = storage::RecordChunkWithin(session_, chunk); !recorded.ok()) return recorded;
    }
    return absl::OkStatus();
  }

  void Tell(std::int64_t done) {
    now_.events_done = done;
    if (progress_) progress_(now_);
  }

  storage::Session& session_;
  const archive::Folder& folder_;
  const RestoreOptions& options_;
  const RestoreProgressSink& progress_;
  storage::ChunkCatalog catalog_;
  std::unique_ptr<storage::Partitions> partitions_;
  std::string store_id_;
  std::vector<ArchivedChunk> archived_;
  std::vector<archive::Manifest> chosen_;
  RestoreProgress now_;
};

}  // namespace

absl::StatusOr<std::vector<RestoredFile>> RestoreArchives(storage::Session& session, const archive::Folder& folder,
                                                          const RestoreOptions& options,
                                                          const RestoreProgressSink& progress) {
  return storage::Caught([&]() -> absl::StatusOr<std::vector<RestoredFile>> {
    auto locked = storage::TryLockArchive(session);
    if (!locked.ok()) return locked.status();
    if (!*locked) {
      return ErrorOf(Reason::kDatabaseUnavailable,
                     "retention or another restore is at work; try again when it is done");
    }
    auto restored = Restore(session, folder, options, progress).Run();
    storage::UnlockArchive(session);
    return restored;
  });
}

}  // namespace eventstore::housekeeping
