// eventctl groups: consumer groups, what they lack, and what is parked.
#include "tools/eventctl/commands/groups/groups.h"

#include "tools/eventctl/commands/commands.h"

namespace eventstore::eventctl {

void AddGroups(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("groups", "Consumer groups: list, create, watch, repair");
  command->require_subcommand(0, 1);
  AddGroupsList(*command, context);
  AddGroupsShow(*command, context);
  AddGroupsCreate(*command, context);
  AddGroupsUpdate(*command, context);
  AddGroupsReset(*command, context);
  AddGroupsDelete(*command, context);
  AddGroupsParked(*command, context);
  AddGroupsReplay(*command, context);
  AddGroupsDiscard(*command, context);
  AddGroupsConsume(*command, context);
  AddFooter(*command,
            "Without a command: the list. Exit code 1: no such group.\n\n"
            "Examples:\n"
            "  eventctl groups\n"
            "  eventctl groups create mailer --event-type 'order.*'\n"
            "  eventctl groups consume mailer\n"
            "  eventctl groups show mailer\n"
            "  eventctl groups COMMAND --help");
  command->callback([command, &context] {
    if (command->get_subcommands().empty()) context.exit_code = ListGroups("", true, context);
  });
}

}  // namespace eventstore::eventctl
