// eventctl: the event store from a shell.
#include <CLI/CLI.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

#include "server/version/version.h"
#include "tools/cli/tls_flags.h"
#include "tools/eventctl/commands/backup/backup.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/context.h"
#include "tools/eventctl/output/report_error.h"

namespace {

constexpr char kFooter[] =
    "Answers go to standard output, everything else to standard error. Colours only on a terminal, and not with "
    "NO_COLOR.\n"
    "\n"
    "Exit codes:\n"
    "  0  done\n"
    "  1  the answer is no: violations, pending migrations, refused lines, no such aggregate, group, task or record\n"
    "  2  a bad flag, or a value that the server refuses\n"
    "  3  the server or the database cannot be reached\n"
    "  4  conflict: the aggregate has another version than expected, or the record another status\n"
    "  5  any other error\n"
    "  130  interrupted before it was done\n"
    "\n"
    "Examples:\n"
    "  eventctl append $(cat /proc/sys/kernel/random/uuid) --event order.placed --data '{\"total\": 42}' "
    "--expected-version 0\n"
    "  eventctl tail -f\n"
    "  eventctl count --group-by event-type\n"
    "  eventctl COMMAND --help";

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): what nobody expects is to end the program with its text
int main(int argc, char** argv) {
  using namespace eventstore::eventctl;  // NOLINT(google-build-using-namespace): this file only puts the parts together

  std::ios::sync_with_stdio(false);
  Context context{
      .out = std::cout, .err = std::cerr, .out_terminal = InspectTerminal(1), .err_terminal = InspectTerminal(2)};
  CLI::App app(
      "The event store from a shell: append, replay, follow, count, load, consumer groups, operational records, "
      "upkeep, analytics, migrate, verify.",
      "eventctl");
  app.set_version_flag("--version", eventstore::VersionLine("eventctl"));
  // Not required: a misspelt command is better told by its name.
  app.require_subcommand(0, 1);
  // Global flags may also come after the command.
  app.fallthrough();
  app.add_option("--server", context.server,
                 "Where the server listens (default EVENTSTORE_SERVER, else 127.0.0.1:50051)")
      ->envname("EVENTSTORE_SERVER")
      ->option_text("HOST:PORT");
  eventstore::cli::TlsFlags tls;
  tls.AddTo(app);
  // Before the command.
  app.parse_complete_callback([&] { tls.Check(); });
  context.make_credentials = [&tls] { return tls.Credentials(); };
  app.add_option(
         "--token-file", context.token_file,
         "A file with the key or token that says who you are (default EVENTSTORE_TOKEN_FILE; without a file the "
         "variable EVENTSTORE_TOKEN itself)")
      ->envname("EVENTSTORE_TOKEN_FILE")
      ->option_text("FILE");
  app.add_flag("--json", context.json, "JSON for programs: one object, or one a line");
  app.add_option("--timeout", context.timeout_seconds,
                 "Give up after so long; default 30 for single calls, none for reads")
      ->option_text("SECONDS")
      ->check(CLI::Range(0.001, 1e6));
  app.footer(kFooter);
  AddAppend(app, context);
  AddLoad(app, context);
  AddStream(app, context);
  AddUser(app, context);
  AddCorrelated(app, context);
  AddCount(app, context);
  AddTail(app, context);
  AddGroups(app, context);
  AddOperations(app, context);
  AddHistory(app, context);
  AddHousekeeper(app, context);
  AddAudit(app, context);
  AddPartitions(app, context);
  AddVersion(app, context);
  AddAnalytics(app, context);
  AddAuth(app, context);
  AddErase(app, context);
  AddConvertTable(app, context);
  AddMigrate(app, context);
  AddArchive(app, context);
  AddMigrateEvents(app, context);
  AddVerifyMigration(app, context);
  AddDualWrite(app, context);
  AddCutover(app, context);
  AddVerify(app, context);
  AddBackup(app, context);
  AddDevCerts(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of code 0 to CLI11.
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  if (app.get_subcommands().empty()) {
    std::cerr << app.help();
    return kUsage;
  }
  std::cout.flush();
  return context.exit_code;
}
