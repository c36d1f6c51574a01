// eventctl archive: what retention wrote before it dropped, whether it is whole, and bringing it back.
#include "tools/eventctl/commands/archive/archive.h"

#include "server/domain/error.h"
#include "server/settings/settings.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {

void ArchiveFlags::AddDirTo(CLI::App& command) {
  AddFlag(command, "--dir", dir, "DIR",
          "Folder of the archive; without it EVENTSTORE_ARCHIVE_DIR, else `archive` in the data folder");
}

absl::StatusOr<archive::Folder> FindArchive(const ArchiveFlags& flags) {
  std::string dir = flags.dir;
  if (dir.empty()) {
    const auto command = settings::ParseCommandLine({}, settings::ProcessEnvironment());
    if (!command.ok()) return command.status();
    settings::Settings settings = command->settings;
    if (!flags.data_dir.empty()) {
      settings.data_dir = flags.data_dir;
      settings.database_url.clear();
    }
    dir = settings::ArchiveDir(settings);
  }
  if (dir.empty()) {
    return domain::InvalidField("--dir", "the database is another's, so the archive has no folder of its own: name it");
  }
  return archive::Folder::OpenToRead(dir);
}

void AddArchive(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("archive", "What retention has archived: list, verify, restore");
  command->require_subcommand(1, 1);
  AddArchiveList(*command, context);
  AddArchiveVerify(*command, context);
  AddArchiveRestore(*command, context);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl archive list\n"
            "  eventctl archive verify --dir /srv/eventstore-archive\n"
            "  eventctl archive restore --from 2026-08-01\n"
            "  zstdcat /srv/eventstore-archive/events_v2-20260801T000000Z-*.jsonl.zst | jq .event_type");
}

}  // namespace eventstore::eventctl
