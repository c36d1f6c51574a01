#include "server/archive/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::archive {

absl::Status FileError(std::string_view doing, const std::string& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return domain::ErrorOf(full ? domain::Reason::kArchiveFull : domain::Reason::kArchiveUnavailable,
                         fmt::format("cannot {} {}: {}; {}", doing, path, std::generic_category().message(error),
                                     full ? "make room there, the next run goes on" : "see to the folder"));
}

File::~File() {
  if (fd_ >= 0) close(fd_);
}

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}

absl::StatusOr<File> File::Create(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return FileError("create", path);
  return File(fd, path);
}

absl::StatusOr<File> File::OpenToRead(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError("open", path);
  return File(fd, path);
}

absl::Status File::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::size_t> File::Read(char* buffer, std::size_t size) {
  for (;;) {
    const ssize_t got = read(fd_, buffer, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return FileError("read", path_);
  }
}

absl::Status File::SyncAndClose() {
  if (fsync(fd_) != 0) return FileError("flush", path_);
  if (close(std::exchange(fd_, -1)) != 0) return FileError("close", path_);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadSmallFile(const std::string& path, std::size_t most) {
  auto file = File::OpenToRead(path);
  if (!file.ok()) return file.status();
  std::string text(most + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto got = file->Read(text.data() + size, text.size() - size);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    size += *got;
  }
  if (size > most) {
    return domain::ErrorOf(domain::Reason::kArchiveDamaged, fmt::format("{} is larger than {} bytes", path, most));
  }
  text.resize(size);
  return text;
}

absl::Status Rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return FileError("rename", from);
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError("open", path);
  const bool synced = fsync(fd) == 0;
  const absl::Status status = synced ? absl::OkStatus() : FileError("flush", path);
  close(fd);
  return status;
}

}  // namespace eventstore::archive
