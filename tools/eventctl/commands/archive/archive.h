// What the commands about archives share.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "absl/status/statusor.h"
#include "server/archive/folder.h"
#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

struct ArchiveFlags {
  std::string dir;
  std::string data_dir;  // of a server with a private PostgreSQL

  void AddDirTo(CLI::App& command);
};

// --dir, else what `eventstored` started here with the same --data-dir would use.
absl::StatusOr<archive::Folder> FindArchive(const ArchiveFlags& flags);

void AddArchiveList(CLI::App& archive, Context& context);
void AddArchiveVerify(CLI::App& archive, Context& context);
void AddArchiveRestore(CLI::App& archive, Context& context);

}  // namespace eventstore::eventctl
