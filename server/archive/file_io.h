// Files as the archive needs them: errors that name the file and say what to do, and nothing taken for written before
// the disk has it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::archive {

// Of the last system call. A full disk says that it is one.
absl::Status FileError(std::string_view doing, const std::string& path);

// An open file, closed with its owner.
class File {
 public:
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Mode 0600; anew, whatever was there.
  static absl::StatusOr<File> Create(const std::string& path);
  static absl::StatusOr<File> OpenToRead(const std::string& path);

  absl::Status Write(std::string_view bytes);
  // How many came; 0 at the end.
  absl::StatusOr<std::size_t> Read(char* buffer, std::size_t size);
  // On the disk, and closed.
  absl::Status SyncAndClose();

 private:
  File(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  int fd_ = -1;
  std::string path_;
};

// At most `most` bytes; more is an error.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t most);
absl::Status Rename(const std::string& from, const std::string& to);
absl::Status SyncFolder(const std::string& path);

}  // namespace eventstore::archive
