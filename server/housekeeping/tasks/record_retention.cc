#include "server/housekeeping/tasks/record_retention.h"

#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "server/archive/folder.h"
#include "server/domain/error.h"
#include "server/housekeeping/annotated.h"
#include "server/housekeeping/tasks/chunk_archiver.h"
#include "server/storage/archived_chunks.h"
#include "server/storage/event_lines.h"
#include "server/storage/housekeeper_store.h"
#include "server/storage/operations/time_tables.h"
#include "server/storage/sql_errors.h"
#include "server/storage/transaction.h"

namespace eventstore::housekeeping {
namespace {

using storage::EventDigest;

// lock_not_available, and a reader that locked the other way round.
bool IsLockTrouble(const absl::Status& status) {
  const std::string state = storage::SqlStateOf(status);
  return state == "55P03" || state == "40P01";
}

// One run, under the lock of archives.
class RecordRun {
 public:
  RecordRun(const RetentionOptions& options, TaskContext& context) : options_(options), context_(context) {}

  absl::StatusOr<TaskReport> Execute() {
    auto now = storage::DatabaseNow(context_.session);
    if (!now.ok()) return now.status();
    auto tables = storage::ReadTimeTables(context_.session);
    if (!tables.ok()) return tables.status();
    auto store_id = storage::ReadStoreId(context_.session);
    if (!store_id.ok()) return store_id.status();
    store_id_ = *std::move(store_id);
    for (const char* count : {"partitions_dropped", "partitions_waiting", "rows_archived", "rows_dropped",
                              "bytes_freed", "archive_bytes"}) {
      if (!context_.parameters.dry_run) report_.counts[count] = 0;
    }
    for (const auto& table : *tables) {
      if (!table.retention_days) continue;
      const int days = context_.parameters.retention_days.value_or(*table.retention_days);
      if (absl::Status done = OneTable(table, *now - days * domain::kMicrosPerDay); !done.ok()) return done;
    }
    Summarise();
    return report_;
  }

 private:
  absl::Status OneTable(const storage::TimeTable& table, domain::TimeMicros before) {
    auto partitions = table.partitions->List(context_.session);
    if (!partitions.ok()) return partitions.status();
    for (const auto& partition : *partitions) {
      if (partition.range.to > before) break;
      if (context_.stop && context_.stop()) return absl::OkStatus();
      if (context_.parameters.dry_run) {
        ++report_.counts["partitions_to_drop"];
        report_.counts["bytes_to_free"] += partition.bytes;
        Tell(fmt::format("would drop {} of {}, about {} rows", DayText(partition.range.from), table.name,
                         partition.rows));
        continue;
      }
      if (options_.archive && options_.archive_dir.empty()) {
        ++report_.counts["partitions_waiting"];
        waiting_ = "there is no folder to archive to; name one with --archive-dir, or say --archive none";
        continue;
      }
      Tell(fmt::format("archiving {} of {}", DayText(partition.range.from), table.name));
      auto dropped = OneChunk(table, partition);
      if (dropped.ok()) continue;
      if (!IsLockTrouble(dropped)) return Annotated("cannot drop " + partition.table, dropped);
      // The younger ones wait with it: what is left of a table is its end, without a gap.
      ++report_.counts["partitions_waiting"];
      waiting_ =
          fmt::format("{} of {}: a long read or another session locks it", DayText(partition.range.from), table.name);
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status OneChunk(const storage::TimeTable& table, const storage::Partition& partition) {
    auto lines = storage::LinesOf(context_.session, table.name, partition.table);
    if (!lines.ok()) return lines.status();
    auto digest = storage::DigestOf(context_.session, *lines);
    if (!digest.ok()) return digest.status();
    storage::ArchivedRows archived{table.name, partition.range, *digest, ""};
    if (options_.archive && digest->events > 0) {
      auto file = Archive(table, partition, *lines, *digest);
      if (!file.ok()) return file.status();
      archived.file = *file;
    }
    if (absl::Status go = Before("note archive"); !go.ok()) return go;
    if (absl::Status noted = storage::NoteArchived(context_.session, archived); !noted.ok()) return noted;
    if (absl::Status go = Before("drop"); !go.ok()) return go;
    if (absl::Status dropped = Drop(table, partition, *lines, archived); !dropped.ok()) return dropped;
    ++report_.counts["partitions_dropped"];
    report_.counts["rows_dropped"] += digest->events;
    report_.counts["bytes_freed"] += partition.bytes;
    return absl::OkStatus();
  }

  // The name of a file with these rows, there and whole.
  absl::StatusOr<std::string> Archive(const storage::TimeTable& table, const storage::Partition& partition,
                                      const storage::TableLines& lines, const EventDigest& digest) {
    if (!folder_) {
      auto opened = archive::Folder::OpenToWrite(options_.archive_dir);
      if (!opened.ok()) return opened.status();
      folder_ = *std::move(opened);
    }
    auto entries = folder_->List();
    if (!entries.ok()) return entries.status();
    for (const auto& entry : *entries) {
      const auto& manifest = entry.manifest;
      // Of an earlier run that came no further.
      if (entry.whole.ok() && manifest.header.table == table.name && manifest.header.store_id == store_id_ &&
          manifest.header.range.from == partition.range.from && manifest.footer.digest == digest.digest &&
          folder_->Verify(entry.file, nullptr).ok()) {
        return entry.file;
      }
    }
    if (absl::Status go = Before("write"); !go.ok()) return go;
    auto manifest = folder_->Write(
        {store_id_, partition.range, table.name, lines.columns},
        [&](archive::ArchiveWriter& writer) -> absl::Status {
          storage::EventLineReader reader(context_.session);
          if (absl::Status opened = reader.Open(lines); !opened.ok()) return opened;
          for (;;) {
            auto some = reader.Next();
            if (!some.ok()) return some.status();
            if (some->empty()) return absl::OkStatus();
            for (const std::string& line : *some) {
              if (absl::Status added = writer.Add(line); !added.ok()) return added;
            }
          }
        },
        options_.before);
    if (!manifest.ok()) return manifest.status();
    if (manifest->footer.events != digest.events || manifest->footer.digest != digest.digest) return Changed(partition);
    report_.counts["rows_archived"] += digest.events;
    report_.counts["archive_bytes"] += manifest->bytes;
    return manifest->file;
  }

  absl::Status Drop(const storage::TimeTable& table, const storage::Partition& partition,
                    const storage::TableLines& lines, const storage::ArchivedRows& archived) {
    storage::Transaction transaction(context_.session);
    if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
    // Against changes, with which reads go on while the digest is made.
    auto locked =
        context_.session.RunScript(fmt::format("SET LOCAL lock_timeout = {}; LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE",
                                               options_.lock_timeout.count(), partition.table));
    if (!locked.ok()) return locked.status();
    auto digest = storage::DigestOf(context_.session, lines);
    if (!digest.ok()) return digest.status();
    if (*digest != archived.rows) return Changed(partition);
    if (absl::Status gone = table.partitions->Drop(context_.session, partition); !gone.ok()) return gone;
    if (absl::Status noted = storage::NoteDropped(context_.session, archived); !noted.ok()) return noted;
    if (absl::Status go = Before("commit"); !go.ok()) return go;
    return transaction.Commit();
  }

  static absl::Status Changed(const storage::Partition& partition) {
    return domain::ErrorOf(
        domain::Reason::kInternal,
        fmt::format("{} was changed while it was archived; nothing was dropped, and the next run tries again",
                    partition.table));
  }

  absl::Status Before(const char* step) const { return options_.before ? options_.before(step) : absl::OkStatus(); }

  void Tell(std::string doing) const {
    if (context_.progress) context_.progress({std::move(doing), 0, 0});
  }

  void Summarise() {
    auto& counts = report_.counts;
    report_.summary =
        context_.parameters.dry_run
            ? fmt::format("would drop {} partitions, {} bytes", counts["partitions_to_drop"], counts["bytes_to_free"])
            : fmt::format("{} partitions dropped, {} rows archived in {} bytes", counts["partitions_dropped"],
                          counts["rows_archived"], counts["archive_bytes"]);
    if (!waiting_.empty()) report_.summary += fmt::format("; {} waiting: {}", counts["partitions_waiting"], waiting_);
  }

  const RetentionOptions& options_;
  TaskContext& context_;
  std::string store_id_;
  std::optional<archive::Folder> folder_;
  std::string waiting_;
  TaskReport report_;
};

}  // namespace

absl::StatusOr<TaskReport> RecordRetention::Run(TaskContext& context) {
  auto locked = storage::TryLockArchive(context.session);
  if (!locked.ok()) return locked.status();
  if (!*locked) {
    TaskReport report;
    report.summary = "another run of retention, or a restore, is at work: nothing was done";
    return report;
  }
  auto done = storage::Caught([&]() -> absl::StatusOr<TaskReport> { return RecordRun(options_, context).Execute(); });
  storage::UnlockArchive(context.session);
  return done;
}

}  // namespace eventstore::housekeeping
