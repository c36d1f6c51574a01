// eventctl backup: adds itself to the command line and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

void AddBackup(CLI::App& app, Context& context);

}  // namespace eventstore::eventctl
