#include "server/moving/legacy_archive.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "fmt/format.h"
#include "server/archive/file_io.h"
#include "server/archive/line_file.h"
#include "server/domain/error.h"
#include "server/moving/move_refused.h"

namespace eventstore::moving {
namespace {

using storage::Query;
using storage::Session;

using domain::ErrorOf;
using domain::Reason;

const Query kDigest{"legacy_digest", "SELECT rows_, digest::text FROM legacy_digest()"};
const Query kCursor{"legacy_cursor", R"sql(
SELECT format('DECLARE legacy_rows NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text FROM %I.%I t ORDER BY %I',
              legacy_schema, legacy_table, time_column),
       format('%s-%s-%s', legacy_schema, legacy_table, to_char(clock_timestamp(), 'YYYYMMDD"T"HH24MISS"Z"'))
FROM legacy_link
)sql"};
constexpr char kFetch[] = "FETCH 1000 FROM legacy_rows";
// PostgreSQL has no longer ones.
constexpr std::size_t kLongestRow = std::size_t{1} << 30;

// A name that may hold anything, as part of a file's.
std::string FileSafe(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\0' || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return name;
}

absl::Status Copy(Session& session, const std::string& declare, archive::LineFileWriter& file, RowDigest& digest) {
  absl::Status status = session.RunScript(declare).status();
  while (status.ok()) {
    auto rows = session.RunScript(kFetch);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) break;
    for (const auto& row : *rows) {
      const std::string_view line(row[0].c_str(), row[0].size());
      digest.Add(line);
      if (status.ok()) status = file.Add(line);
    }
  }
  return status;
}

struct Written {
  archive::LineFileFacts file;
  LegacyContent content;

  bool operator==(const Written&) const = default;
};

absl::StatusOr<Written> Write(Session& session, const std::string& declare, const std::string& path) {
  auto file = archive::LineFileWriter::Create(path);
  if (!file.ok()) return file.status();
  RowDigest digest;
  absl::Status copied = session.RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").status();
  if (copied.ok()) copied = Copy(session, declare, **file, digest);
  if (session.connected()) session.RunScript("ROLLBACK").IgnoreError();
  if (!copied.ok()) return copied;
  auto finished = (*file)->Finish();
  if (!finished.ok()) return finished.status();
  return Written{*finished, digest.content()};
}

absl::StatusOr<Written> Read(const std::string& path) {
  RowDigest digest;
  auto file = archive::ReadLineFile(path, kLongestRow, [&](std::string_view line) {
    digest.Add(line);
    return absl::OkStatus();
  });
  if (!file.ok()) return file.status();
  return Written{*file, digest.content()};
}

// Its name, with <path>.sha256 beside it, both on the disk.
absl::Status Name(const std::string& unfinished, const std::string& folder, const LegacyArchive& archive) {
  auto sum = archive::File::Create(archive.path + ".sha256");
  absl::Status done = sum.status();
  if (done.ok()) {
    done = sum->Write(fmt::format("{}  {}\n", archive.sha256, std::filesystem::path(archive.path).filename().string()));
  }
  if (done.ok()) done = sum->SyncAndClose();
  if (done.ok()) done = archive::Rename(unfinished, archive.path);
  if (done.ok()) done = archive::SyncFolder(folder);
  return done;
}

}  // namespace

absl::Status CheckArchiveFolder(const std::string& folder) {
  const bool may_enter = access(folder.c_str(), W_OK | X_OK) == 0;
  const std::string why = may_enter ? "it is no folder" : std::generic_category().message(errno);
  if (may_enter && std::filesystem::is_directory(folder)) return absl::OkStatus();
  return ErrorOf(
      Reason::kInvalidRequest,
      fmt::format("cannot write to the folder {}: {}; make it, or name another one with --archive", folder, why));
}

absl::StatusOr<LegacyArchive> ArchiveLegacyTable(Session& session, const std::string& folder,
                                                 const std::function<void(const std::string&)>& before_reading) {
  auto names = session.Run(kCursor, {});
  if (!names.ok()) return names.status();
  if (names->empty()) return MoveRefused("no legacy table is linked");
  LegacyArchive archive;
  archive.path = fmt::format("{}/{}.jsonl.zst", folder, FileSafe((*names)[0][1].c_str()));
  const std::string unfinished = archive.path + ".tmp";
  auto written = Write(session, (*names)[0][0].c_str(), unfinished);
  if (!written.ok()) return written.status();
  if (before_reading) before_reading(unfinished);
  auto read = Read(unfinished);
  if (!read.ok()) return read.status();
  if (*read != *written) {
    return ErrorOf(Reason::kInternal, fmt::format("{} was read back and is not what was written", unfinished));
  }
  archive.content = read->content;
  archive.bytes = read->file.bytes;
  archive.sha256 = read->file.sha256;
  if (absl::Status named = Name(unfinished, folder, archive); !named.ok()) return named;
  return archive;
}

absl::StatusOr<LegacyContent> ReadArchiveFile(const std::string& path) {
  auto read = Read(path);
  if (!read.ok()) return read.status();
  return read->content;
}

absl::Status RequireArchived(Session& session, const LegacyArchive& archive) {
  auto rows = session.Run(kDigest, {});
  if (!rows.ok()) return rows.status();
  const LegacyContent now{(*rows)[0][0].as<std::int64_t>(), (*rows)[0][1].c_str()};
  if (now == archive.content) return absl::OkStatus();
  return MoveRefused(
      fmt::format("the table has {} rows (digest {}), the archive {} has {} (digest {}): somebody wrote to the "
                  "table; nothing was dropped. Find out who, then run `eventctl cutover drop-legacy` again",
                  now.rows, now.digest, archive.path, archive.content.rows, archive.content.digest));
}

}  // namespace eventstore::moving
