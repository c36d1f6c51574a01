// Every subcommand of eventctl: adds itself to the command line and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include "tools/eventctl/context.h"

namespace eventstore::eventctl {

void AddAppend(CLI::App& app, Context& context);
void AddLoad(CLI::App& app, Context& context);
void AddStream(CLI::App& app, Context& context);
void AddUser(CLI::App& app, Context& context);
void AddCorrelated(CLI::App& app, Context& context);
void AddCount(CLI::App& app, Context& context);
void AddTail(CLI::App& app, Context& context);
void AddVersion(CLI::App& app, Context& context);
void AddGroups(CLI::App& app, Context& context);
void AddOperations(CLI::App& app, Context& context);
void AddHistory(CLI::App& app, Context& context);
void AddHousekeeper(CLI::App& app, Context& context);
void AddAudit(CLI::App& app, Context& context);
void AddPartitions(CLI::App& app, Context& context);
void AddAnalytics(CLI::App& app, Context& context);
void AddAuth(CLI::App& app, Context& context);
void AddErase(CLI::App& app, Context& context);
void AddConvertTable(CLI::App& app, Context& context);
void AddMigrate(CLI::App& app, Context& context);
void AddArchive(CLI::App& app, Context& context);
void AddMigrateEvents(CLI::App& app, Context& context);
void AddVerifyMigration(CLI::App& app, Context& context);
void AddDualWrite(CLI::App& app, Context& context);
void AddCutover(CLI::App& app, Context& context);
void AddVerify(CLI::App& app, Context& context);
void AddDevCerts(CLI::App& app, Context& context);

}  // namespace eventstore::eventctl
