// The subcommands of `eventctl ops`: each adds itself and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/eventctl/context.h"
#include "tools/eventctl/input/flags.h"

namespace eventstore::eventctl {

void AddOpsRecord(CLI::App& ops, Context& context);
void AddOpsGet(CLI::App& ops, Context& context);
void AddOpsList(CLI::App& ops, Context& context);
void AddOpsMove(CLI::App& ops, Context& context);
void AddOpsResolve(CLI::App& ops, Context& context);
void AddOpsWorker(CLI::App& ops, Context& context);
void AddOpsWatch(CLI::App& ops, Context& context);

}  // namespace eventstore::eventctl
