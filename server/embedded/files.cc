#include "server/embedded/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

namespace eventstore::embedded {
namespace {

absl::Status Failed(const std::string& path) {
  return absl::UnknownError(
      fmt::format("could not write {}: {}", path, std::error_code(errno, std::generic_category()).message()));
}

bool WriteAll(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    done += static_cast<std::size_t>(wrote);
  }
  return true;
}

}  // namespace

std::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

absl::Status ReplaceFile(const std::string& path, const std::string& text, mode_t mode, uid_t uid, gid_t gid) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return Failed(fresh);
  const bool owned = geteuid() != 0 || fchown(fd, uid, gid) == 0;
  const bool ok = owned && WriteAll(fd, text) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
  absl::Status status = ok ? absl::OkStatus() : Failed(fresh);
  close(fd);
  if (ok && rename(fresh.c_str(), path.c_str()) != 0) status = Failed(path);
  if (!status.ok()) unlink(fresh.c_str());
  return status;
}

}  // namespace eventstore::embedded
