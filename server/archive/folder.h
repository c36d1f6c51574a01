// The folder that archive files are in: mode 0700, files 0600. A file gets its name when it has been read back from the
// disk and is whole; before, it ends in .tmp, and whoever finds such a one may remove it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/archive/archive_reader.h"
#include "server/archive/archive_writer.h"
#include "server/archive/format.h"

namespace eventstore::archive {

struct Entry {
  std::string file;    // without folder
  absl::Status whole;  // of the manifest, until Verify() was asked
  Manifest manifest;   // when `whole`
};

class Folder {
 public:
  // Makes it if it is not there (its parent has to be), and refuses one that others may write to.
  static absl::StatusOr<Folder> OpenToWrite(const std::string& path);
  static absl::StatusOr<Folder> OpenToRead(const std::string& path);

  const std::string& path() const { return path_; }
  std::string PathOf(const std::string& file) const { return path_ + "/" + file; }

  // Every file by its manifest, by name, which is by time. A file without one is named too: it is no archive yet, or one
  // that was damaged.
  absl::StatusOr<std::vector<Entry>> List() const;

  // Reads the whole file from the disk: it is what it says, and what its manifest says.
  absl::StatusOr<Manifest> Verify(const std::string& file, const LineSink& sink) const;

  // Writes a new file: `fill` adds the events. It is flushed, read back, and then gets its name, a new one.
  using Fill = std::function<absl::Status(ArchiveWriter&)>;
  // Called before each of the things that can be seen from outside; an error ends it there. For tests.
  using Before = std::function<absl::Status(const char* step)>;
  absl::StatusOr<Manifest> Write(const Header& header, const Fill& fill, const Before& before) const;

 private:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  absl::StatusOr<std::string> NewName(const Header& header) const;
  void RemoveLeftovers(const std::string& file) const;

  std::string path_;
};

}  // namespace eventstore::archive
