#include "server/embedded/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "server/embedded/files.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;

// sockaddr_un.sun_path has 108 bytes with its NUL; PostgreSQL's socket is <folder>/.s.PGSQL.5432.
constexpr std::size_t kMaxSocketDir = 107 - sizeof("/.s.PGSQL.5432") + 1;

std::string ErrnoText() { return std::error_code(errno, std::generic_category()).message(); }

// Parents get 0755 whatever the umask is: the account of PostgreSQL has to pass through them.
absl::Status MakeParents(const fs::path& path) {
  fs::path walked;
  for (const auto& part : path) {
    walked /= part;
    if (mkdir(walked.c_str(), 0755) == 0) {
      if (geteuid() == 0) chmod(walked.c_str(), 0755);
      continue;
    }
    const std::string why = ErrnoText();
    std::error_code unknown;
    if (!fs::is_directory(walked, unknown)) {
      return absl::FailedPreconditionError(
          fmt::format("could not make the folder {}: {}; choose another --data-dir, or make this one yourself",
                      walked.string(), why));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Resolved(const std::string& data_dir) {
  if (data_dir.empty()) return absl::InvalidArgumentError("the data directory is empty: give one with --data-dir");
  if (std::ranges::any_of(data_dir, [](char c) { return static_cast<unsigned char>(c) < ' '; })) {
    return absl::InvalidArgumentError(
        "the data directory has a control character in its name: choose another --data-dir");
  }
  const fs::path absolute = fs::absolute(data_dir).lexically_normal();
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(absolute, error);
  std::string text = error ? absolute.string() : resolved.string();  // what is wrong with it shows when it is made
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

// FNV-1a: a short name that is the same on every start. Two folders with one name would only share a socket folder, and
// the second PostgreSQL would then refuse to start.
std::string ShortName(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("eventstore-{:016x}", hash);
}

}  // namespace

absl::Status EnsureFolder(const std::string& path, mode_t mode, const Account& owner) {
  if (mkdir(path.c_str(), mode) == 0) {
    if (chmod(path.c_str(), mode) != 0 || (owner.drop && chown(path.c_str(), owner.uid, owner.gid) != 0)) {
      return absl::UnknownError(fmt::format("could not give {} to the account {}: {}", path, owner.name, ErrnoText()));
    }
    return absl::OkStatus();
  }
  struct stat info{};
  if (errno != EEXIST || lstat(path.c_str(), &info) != 0) {
    return absl::UnknownError(fmt::format("could not make the folder {}: {}", path, ErrnoText()));
  }
  if (!S_ISDIR(info.st_mode) || info.st_uid != owner.uid) {
    return absl::FailedPreconditionError(fmt::format(
        "{} is there already but is not a folder of the account {}: move it away and start again", path, owner.name));
  }
  return absl::OkStatus();
}

absl::StatusOr<DataFolder> DataFolder::Open(const std::string& data_dir) {
  auto path = Resolved(data_dir);
  if (!path.ok()) return path.status();
  if (auto status = MakeParents(*path); !status.ok()) return status;
  if (access((*path + "/PG_VERSION").c_str(), F_OK) == 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} is itself a PostgreSQL cluster; the data directory is the folder around one: choose another "
                    "--data-dir, or set "
                    "DATABASE_URL to use that PostgreSQL",
                    *path));
  }
  const std::string lock = *path + "/lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        fmt::format("could not open {}: {}; start the server as the owner of {}, or choose another --data-dir", lock,
                    ErrnoText(), *path));
  }
  DataFolder folder(*path, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    std::string owner = ReadFile(lock).value_or("");
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    return absl::FailedPreconditionError(fmt::format(
        "another server (process {}) uses the data directory {}: stop it first, or choose another --data-dir", owner,
        *path));
  }
  const std::string self = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, self.data(), self.size(), 0) < 0) {
    return absl::UnknownError(fmt::format("could not write {}: {}", lock, ErrnoText()));
  }
  // The lock file belongs to whom the folder belongs, so that its owner can start the server after root once did.
  struct stat info{};
  if (geteuid() == 0 && stat(path->c_str(), &info) == 0 && fchown(fd, info.st_uid, info.st_gid) != 0) {
    spdlog::debug("embedded: could not change the owner of {}", lock);
  }
  return folder;
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      socket_dir_(std::move(other.socket_dir_)) {}

DataFolder::~DataFolder() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

absl::StatusOr<std::string> DataFolder::ClusterVersion() const {
  std::error_code error;
  if (!fs::exists(pgdata(), error) && !error) return std::string();
  if (auto version = ReadFile(pgdata() + "/PG_VERSION")) {
    while (!version->empty() && (version->back() == '\n' || version->back() == ' ')) version->pop_back();
    return *version;
  }
  if (!error && fs::is_directory(pgdata(), error) && fs::is_empty(pgdata(), error)) return std::string();
  return absl::FailedPreconditionError(
      fmt::format("{} is there but is not a PostgreSQL cluster that can be read (it has no PG_VERSION); it was left as "
                  "it is: move it away "
                  "or choose another --data-dir",
                  pgdata()));
}

absl::Status DataFolder::ChooseSocketDir(const Account& account) {
  const std::string here = path_ + "/run";
  // libpq reads a comma in a host as the start of another host.
  if (here.size() <= kMaxSocketDir && here.find(',') == std::string::npos) {
    socket_dir_ = here;
    return EnsureFolder(here, 0700, account);
  }
  absl::Status status;
  for (const char* parent : {"/run", "/tmp"}) {
    if (access(parent, W_OK) != 0) continue;
    socket_dir_ = fmt::format("{}/{}", parent, ShortName(fmt::format("{}:{}", account.uid, path_)));
    status = EnsureFolder(socket_dir_, 0700, account);
    if (status.ok()) {
      spdlog::info("embedded: {} is too long a path for a unix socket; the socket is in {}", here, socket_dir_);
      return status;
    }
  }
  return status.ok() ? absl::FailedPreconditionError(
                           "no short folder for the unix socket: neither /run nor /tmp can be "
                           "written; choose a --data-dir with a shorter path")
                     : status;
}

absl::Status DataFolder::Prepare(const Account& account) {
  if (auto status = EnsureFolder(log_dir(), 0700, account); !status.ok()) return status;
  return ChooseSocketDir(account);
}

absl::Status DataFolder::Write(const std::string& name, const std::string& text, mode_t mode) const {
  struct stat info{};
  if (stat(path_.c_str(), &info) != 0) return absl::UnknownError(fmt::format("{} is gone: {}", path_, ErrnoText()));
  return ReplaceFile(path_ + "/" + name, text, mode, info.st_uid, info.st_gid);
}

}  // namespace eventstore::embedded
