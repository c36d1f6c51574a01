// The folder that holds everything of one private PostgreSQL: whose it is, what lies where, what may not be touched.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/embedded/account.h"

namespace eventstore::embedded {

class DataFolder {
 public:
  // Makes the folder when it is missing and takes its lock; the lock is held until destruction (or the process's end,
  // however that comes). Errors: not an absolute or relative path we can use, not ours to write, in use by another server.
  static absl::StatusOr<DataFolder> Open(const std::string& data_dir);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&&) = delete;
  ~DataFolder();

  // "17" for a cluster of PostgreSQL 17, empty when there is no cluster yet. An error when pgdata/ holds something else.
  absl::StatusOr<std::string> ClusterVersion() const;

  // Makes run/ and log/ and picks the socket folder.
  absl::Status Prepare(const Account& account);

  // Files beside the cluster, owned like the folder itself.
  absl::Status Write(const std::string& name, const std::string& text, mode_t mode) const;

  std::string path() const { return path_; }
  std::string pgdata() const { return path_ + "/pgdata"; }
  std::string log_dir() const { return path_ + "/log"; }
  std::string passfile() const { return path_ + "/passfile"; }
  const std::string& socket_dir() const { return socket_dir_; }

 private:
  DataFolder(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  absl::Status ChooseSocketDir(const Account& account);

  std::string path_;  // absolute, symbolic links resolved
  int lock_fd_;
  std::string socket_dir_;
};

// Makes `path` with the given mode and owner; fine when it is there already as a folder of that owner.
absl::Status EnsureFolder(const std::string& path, mode_t mode, const Account& owner);

}  // namespace eventstore::embedded
