#include "server/archive/folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>
#include <utility>

#include "fmt/format.h"
#include "server/archive/file_io.h"
#include "server/domain/error.h"

namespace eventstore::archive {
namespace {

constexpr char kManifestEnd[] = ".manifest";
constexpr char kUnfinishedEnd[] = ".tmp";
constexpr char kDataEnd[] = ".jsonl.zst";
constexpr std::size_t kMaxManifestBytes = 64 << 10;

absl::Status In(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  domain::Error error = domain::FromStatus(status);
  error.message = path + ": " + error.message;
  return domain::ToStatus(error);
}

absl::StatusOr<Manifest> ReadManifest(const std::string& path) {
  auto text = ReadSmallFile(path, kMaxManifestBytes);
  if (!text.ok()) return text.status();
  return ParseManifest(*text);
}

absl::Status Step(const Folder::Before& before, const char* step) { return before ? before(step) : absl::OkStatus(); }

absl::Status WriteManifest(const std::string& path, const Manifest& manifest) {
  auto file = File::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status written = file->Write(ManifestText(manifest)); !written.ok()) return written;
  return file->SyncAndClose();
}

// What was written, from the disk.
absl::Status ReadBack(const std::string& path, const Header& header, const Footer& footer, Manifest& manifest) {
  auto contents = ReadArchiveFile(path, nullptr);
  if (!contents.ok()) return contents.status();
  if (!(contents->header == header) || !(contents->footer == footer)) return Damaged("it is not what was written");
  manifest.bytes = contents->bytes;
  manifest.file_sha256 = contents->file_sha256;
  manifest.header = header;
  manifest.footer = footer;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Folder> Folder::OpenToWrite(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return FileError("create", path);
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return FileError("look at", path);
  if (!S_ISDIR(facts.st_mode) || (facts.st_mode & 0022) != 0) {
    return domain::ErrorOf(domain::Reason::kArchiveUnavailable,
                           fmt::format("{} is no folder, or others may write to it; make it one with mode 0700", path));
  }
  return Folder(path);
}

absl::StatusOr<Folder> Folder::OpenToRead(const std::string& path) {
  struct stat facts{};
  if (stat(path.c_str(), &facts) != 0) return FileError("look at", path);
  if (!S_ISDIR(facts.st_mode)) {
    return domain::ErrorOf(domain::Reason::kArchiveUnavailable, fmt::format("{} is no folder", path));
  }
  return Folder(path);
}

absl::StatusOr<std::vector<Entry>> Folder::List() const {
  std::set<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(path_, failed), end; !failed && at != end; at.increment(failed)) {
    std::string name = at->path().filename();
    if (name.ends_with(kManifestEnd)) name.resize(name.size() - std::string_view(kManifestEnd).size());
    if (name.ends_with(kDataEnd)) files.insert(std::move(name));
  }
  if (failed) {
    errno = failed.value();
    return FileError("list", path_);
  }
  std::vector<Entry> entries;
  for (const std::string& file : files) {
    struct stat facts{};
    // Its run was killed between giving the two their names, and the next one does it anew.
    if (stat(PathOf(file).c_str(), &facts) != 0 && stat((PathOf(file) + kUnfinishedEnd).c_str(), &facts) == 0) continue;
    auto manifest = ReadManifest(PathOf(file) + kManifestEnd);
    Entry entry{file, In(file, manifest.status()), {}};
    if (manifest.ok()) {
      entry.manifest = *std::move(manifest);
      if (stat(PathOf(file).c_str(), &facts) != 0) {
        entry.whole = FileError("look at", PathOf(file));
      } else if (facts.st_size != entry.manifest.bytes || entry.manifest.file != file) {
        entry.whole = In(file, Damaged("it does not have the size or the name that its manifest gives"));
      }
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<Manifest> Folder::Verify(const std::string& file, const LineSink& sink) const {
  auto manifest = ReadManifest(PathOf(file) + kManifestEnd);
  if (!manifest.ok()) return In(file, manifest.status());
  auto contents = ReadArchiveFile(PathOf(file), sink);
  if (!contents.ok()) return In(file, contents.status());
  if (manifest->file != file || !(manifest->header == contents->header) || !(manifest->footer == contents->footer) ||
      manifest->bytes != contents->bytes || manifest->file_sha256 != contents->file_sha256) {
    return In(file, Damaged("it and its manifest do not agree"));
  }
  return manifest;
}

absl::StatusOr<std::string> Folder::NewName(const Header& header) const {
  for (int number = 1; number < 10'000; ++number) {
    std::string name = FileName(header.range, number, header.table);
    struct stat facts{};
    const bool taken = stat(PathOf(name).c_str(), &facts) == 0;
    if (!taken && errno == ENOENT) return name;
    if (!taken) return FileError("look at", PathOf(name));
  }
  return domain::ErrorOf(domain::Reason::kArchiveUnavailable,
                         fmt::format("{} has no name left for {}", path_, FileName(header.range, 1, header.table)));
}

void Folder::RemoveLeftovers(const std::string& file) const {
  for (const std::string& end : {std::string(kUnfinishedEnd), std::string(kManifestEnd) + kUnfinishedEnd}) {
    unlink((PathOf(file) + end).c_str());
  }
}

absl::StatusOr<Manifest> Folder::Write(const Header& header, const Fill& fill, const Before& before) const {
  auto name = NewName(header);
  if (!name.ok()) return name.status();
  const std::string data = PathOf(*name);
  const std::string unfinished = data + kUnfinishedEnd;
  const std::string manifest_path = data + kManifestEnd;
  Manifest manifest;
  manifest.file = *name;
  const auto write = [&]() -> absl::Status {
    auto writer = ArchiveWriter::Create(unfinished, header);
    if (!writer.ok()) return writer.status();
    if (absl::Status filled = fill(**writer); !filled.ok()) return filled;
    auto footer = (*writer)->Finish();
    if (!footer.ok()) return footer.status();
    if (absl::Status go = Step(before, "read back"); !go.ok()) return go;
    if (absl::Status same = ReadBack(unfinished, header, *footer, manifest); !same.ok()) return In(unfinished, same);
    if (absl::Status go = Step(before, "write manifest"); !go.ok()) return go;
    return WriteManifest(manifest_path + kUnfinishedEnd, manifest);
  };
  if (absl::Status written = write(); !written.ok()) {
    // Room for the next run; one that was killed leaves them to it.
    RemoveLeftovers(*name);
    return written;
  }
  // The manifest first: a name that ends as an archive's does stands for a whole file.
  if (absl::Status go = Step(before, "name manifest"); !go.ok()) return go;
  if (absl::Status named = Rename(manifest_path + kUnfinishedEnd, manifest_path); !named.ok()) return named;
  if (absl::Status go = Step(before, "name file"); !go.ok()) return go;
  if (absl::Status named = Rename(unfinished, data); !named.ok()) return named;
  if (absl::Status synced = SyncFolder(path_); !synced.ok()) return synced;
  return manifest;
}

}  // namespace eventstore::archive
