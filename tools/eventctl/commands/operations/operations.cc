// eventctl ops: operational records, who runs them, and what happens with them.
#include "tools/eventctl/commands/operations/operations.h"

#include "tools/eventctl/commands/commands.h"

namespace eventstore::eventctl {

void AddOperations(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("ops",
                                         "Operational records: events of triggers, enforcements, executions, "
                                         "workers");
  command->require_subcommand(1);
  AddOpsRecord(*command, context);
  AddOpsGet(*command, context);
  AddOpsList(*command, context);
  AddOpsMove(*command, context);
  AddOpsResolve(*command, context);
  AddOpsWorker(*command, context);
  AddOpsWatch(*command, context);
  AddFooter(*command,
            "Exit codes: 1 there is no such record; 4 it has another status than expected.\n\n"
            "Examples:\n"
            "  eventctl ops record execution core.echo --data '{\"message\": \"hello\"}'\n"
            "  eventctl ops move 01890a5d-ac96-774b-bcce-b302099a8057 --from requested --to scheduled\n"
            "  eventctl ops list executions --status failed --from 2h\n"
            "  eventctl ops watch --kind execution --status failed\n"
            "  eventctl ops COMMAND --help");
}

}  // namespace eventstore::eventctl
