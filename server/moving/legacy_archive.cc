#include "server/storage/legacy/legacy_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/legacy/move_refused.h"
#include "server/storage/legacy/row_file.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

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

// A name that may hold anything, as part of a file's.
std::string FileSafe(std::string name) {
  for (char& c : name) {
    if (c == '/' || c == '\0' || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return name;
}

absl::Status Copy(Session& session, const std::string& declare, RowFileWriter& writer) {
  absl::Status status = session.RunScript(declare).status();
  while (status.ok()) {
    auto rows = session.RunScript(kFetch);
    if (!rows.ok()) return rows.status();
    if (rows->empty()) break;
    for (const auto& row : *rows) {
      if (status.ok()) status = writer.Add({row[0].c_str(), row[0].size()});
    }
  }
  return status;
}

}  // namespace

absl::Status CheckArchiveFolder(const std::string& folder) {
  if (access(folder.c_str(), W_OK | X_OK) == 0 && std::filesystem::is_directory(folder)) return absl::OkStatus();
  return ErrorOf(Reason::kInvalidRequest,
                 fmt::format("cannot write to the folder {}: {}; make it, or name another one with --archive", folder,
                             std::strerror(errno)));
}

absl::StatusOr<LegacyArchive> ArchiveLegacyTable(Session& session, const std::string& folder) {
  auto names = session.Run(kCursor, {});
  if (!names.ok()) return names.status();
  if (names->empty()) return MoveRefused("no legacy table is linked");
  LegacyArchive archive;
  archive.path = fmt::format("{}/{}.jsonl.zst", folder, FileSafe((*names)[0][1].c_str()));
  const std::string unfinished = archive.path + ".tmp";
  auto writer = RowFileWriter::Create(unfinished);
  if (!writer.ok()) return writer.status();
  absl::Status copied = session.RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").status();
  if (copied.ok()) copied = Copy(session, (*names)[0][0].c_str(), **writer);
  if (session.connected()) session.RunScript("ROLLBACK").IgnoreError();
  if (!copied.ok()) return copied;
  auto written = (*writer)->Finish();
  if (!written.ok()) return written.status();
  auto read = ReadRowFile(unfinished);
  if (!read.ok()) return read.status();
  if (!(*read == *written)) {
    return ErrorOf(Reason::kInternal, fmt::format("{} was read back and is not what was written", unfinished));
  }
  archive.content = {read->rows, read->digest};
  archive.bytes = read->bytes;
  archive.sha256 = read->sha256;
  if (absl::Status named = FinishRowFile(unfinished, archive.path, archive.sha256); !named.ok()) return named;
  return archive;
}

absl::StatusOr<LegacyContent> ReadArchiveFile(const std::string& path) {
  auto read = ReadRowFile(path);
  if (!read.ok()) return read.status();
  return LegacyContent{read->rows, read->digest};
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

}  // namespace eventstore::storage
