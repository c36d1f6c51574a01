// eventctl dual-write: an old table and the store, both written to while services move.
#include "tools/eventctl/commands/dual_write/dual_write.h"

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {

void AddDualWrite(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("dual-write", "Write to a legacy table and to the store, while services move");
  command->require_subcommand(1);
  AddDualWriteInstall(*command, context);
  AddDualWriteStatus(*command, context);
  AddDualWriteTypes(*command, context);
  AddDualWriteRun(*command, context);
  AddDualWriteRemove(*command, context);
  AddFooter(*command,
            "The legacy table has to be in the store's own database. See docs/migration.md.\n\n"
            "Examples:\n"
            "  eventctl dual-write install --table public.events\n"
            "  eventctl dual-write run\n"
            "  eventctl dual-write status\n"
            "  eventctl dual-write COMMAND --help");
}

}  // namespace eventstore::eventctl
