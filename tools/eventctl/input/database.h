// The database that a command works on directly, without the server.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace eventstore::eventctl {

struct DatabaseFlags {
  std::string url;
  std::string data_dir;

  void AddTo(CLI::App& command);
};

// A libpq connection string for --database, else --data-dir, else what `eventstored` started here without flags would
// use (DATABASE_URL, EVENTSTORE_DATA_DIR, its default folder).
absl::StatusOr<std::string> FindDatabase(const DatabaseFlags& flags);

// The store's own error as one that came over the network, so that it is reported the same way.
absl::Status AsIfFromServer(const absl::Status& status);

// For the footers of the commands.
inline constexpr char kDatabaseHelp[] =
    "Works on the database itself. Without --database and --data-dir: DATABASE_URL, else EVENTSTORE_DATA_DIR, else "
    "the\n"
    "default data folder of eventstored. A data folder is of use while its eventstored runs.\n";

}  // namespace eventstore::eventctl
