// The subcommands of `eventctl groups`: each adds itself and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "eventstore/consumer_groups.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {

void AddGroupsList(CLI::App& groups, Context& context);
void AddGroupsShow(CLI::App& groups, Context& context);
void AddGroupsCreate(CLI::App& groups, Context& context);
void AddGroupsUpdate(CLI::App& groups, Context& context);
void AddGroupsReset(CLI::App& groups, Context& context);
void AddGroupsDelete(CLI::App& groups, Context& context);
void AddGroupsParked(CLI::App& groups, Context& context);
void AddGroupsReplay(CLI::App& groups, Context& context);
void AddGroupsDiscard(CLI::App& groups, Context& context);
void AddGroupsConsume(CLI::App& groups, Context& context);

// What `eventctl groups` alone does.
ExitCode ListGroups(const std::string& prefix, bool with_lag, Context& context);

inline client::ConsumerGroups MakeGroups(const Context& context) { return client::ConsumerGroups(MakeClient(context)); }

inline CLI::Option* AddGroupName(CLI::App& command, std::string& name) {
  return AddFlag(command, "NAME", name, "NAME", "The group")->required();
}

}  // namespace eventstore::eventctl
