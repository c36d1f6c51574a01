// A backup made to run: a PostgreSQL of its own over a copy of it, in a folder of its own, on a unix socket that nobody else
// enters. The backup itself is only read. The folder goes with the object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/embedded/private_postgres.h"

namespace eventstore::eventctl {

// `done` of `total` bytes; total 0: not known.
using CopyProgress = std::function<void(const std::string& step, std::int64_t done, std::int64_t total)>;

class PrivateCopy {
 public:
  ~PrivateCopy();
  PrivateCopy(const PrivateCopy&) = delete;
  PrivateCopy& operator=(const PrivateCopy&) = delete;

  // `dir`: what pg_basebackup wrote; `wal`: the archive of WAL since, "" for none; `work`: where the copy is made, with room
  // for it. DATA_LOSS: the backup is damaged or incomplete, the message says how. Anything else: it could not be tried.
  static absl::StatusOr<std::unique_ptr<PrivateCopy>> OfBaseBackup(const std::string& dir, const std::string& wal,
                                                                   const std::string& work,
                                                                   const CopyProgress& progress);
  // `file`: of pg_dump -Fc.
  static absl::StatusOr<std::unique_ptr<PrivateCopy>> OfDump(const std::string& file, const std::string& work,
                                                             const CopyProgress& progress);

  const std::string& conninfo() const { return conninfo_; }

 private:
  explicit PrivateCopy(std::string folder) : folder_(std::move(folder)) {}
  static absl::StatusOr<std::unique_ptr<PrivateCopy>> InNewFolder(const std::string& work);
  absl::Status Start(const std::string& restore_command, const std::string& what);

  std::string folder_;
  std::unique_ptr<embedded::PrivatePostgres> postgres_;
  std::string conninfo_;
};

}  // namespace eventstore::eventctl
