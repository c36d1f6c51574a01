// eventctl migrate: how far a database is, and bringing it to the schema of this program.
#include <fmt/format.h>

#include <memory>

#include "server/storage/engines/engine.h"
#include "server/storage/migrator.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using storage::MigrationState;
using storage::MigrationStatus;

struct MigrateFlags {
  DatabaseFlags database;
  std::string engine;  // "": what the database has, or what fits
  storage::MigrationOptions options;
};

absl::StatusOr<std::unique_ptr<storage::Migrator>> MakeMigrator(const MigrateFlags& flags) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return conninfo.status();
  const auto engine = storage::ChooseEngine(*conninfo, flags.engine);
  if (!engine.ok()) return engine.status();
  auto set = storage::MigrationSet::Embedded(*engine);
  if (!set.ok()) return set.status();
  return std::make_unique<storage::Migrator>(*conninfo, *std::move(set));
}

void PrintStatus(const MigrationStatus& status, Context& context) {
  if (context.json) {
    const std::string migrations = JsonArray(status.migrations, [](const MigrationState& migration) {
      return JsonObject()
          .Add("number", migration.number)
          .Add("name", migration.name)
          .Add("checksum", migration.checksum)
          .Add("applied", migration.applied)
          .AddOrNull("applied_at", migration.applied_at)
          .Add("duration_ms", migration.duration_ms)
          .Text();
    });
    context.out << JsonObject()
                       .Add("engine", status.engine)
                       .AddOrNull("edition", status.edition)
                       .Add("server_version", status.server_version)
                       .AddOrNull("extension_version", status.extension_version)
                       .Add("pending", status.pending)
                       .AddRaw("migrations", migrations)
                       .Text()
                << '\n';
    return;
  }
  context.out << fmt::format("engine {}{}, extension {}, PostgreSQL {}\n", status.engine,
                             status.edition.empty() ? "" : " (" + status.edition + " edition)",
                             status.extension_version.empty() ? "none" : status.extension_version,
                             status.server_version);
  Table table(context.out, context.out_terminal,
              {{.heading = "NUMBER", .right = true},
               {.heading = "NAME"},
               {.heading = "MS", .right = true},
               {.heading = "APPLIED (UTC)"}});
  for (const auto& migration : status.migrations) {
    table.Row({fmt::format("{:04}", migration.number), migration.name,
               migration.applied ? std::to_string(migration.duration_ms) : "-",
               migration.applied ? migration.applied_at : "pending"});
  }
  table.Flush();
}

ExitCode RunStatus(const MigrateFlags& flags, Context& context) {
  const auto migrator = MakeMigrator(flags);
  if (!migrator.ok()) return ReportError(context, "find the database", migrator.status());
  const auto status = (*migrator)->Status();
  if (!status.ok()) return ReportError(context, "read the migrations", AsIfFromServer(status.status()));
  PrintStatus(*status, context);
  if (status->pending == 0) return kOk;
  Hint(context, fmt::format("{} pending; apply with `eventctl migrate up`", status->pending));
  return kNegative;
}

ExitCode RunUp(MigrateFlags flags, Context& context) {
  const auto migrator = MakeMigrator(flags);
  if (!migrator.ok()) return ReportError(context, "find the database", migrator.status());
  flags.options.notice = [&](const std::string& text) { Hint(context, text); };
  int applied = 0;
  const auto status = (*migrator)->Up(flags.options, [&](const MigrationState& migration, int done, int total) {
    if (!migration.applied) return;
    ++applied;
    Hint(context,
         fmt::format("{}/{}  {:04} {}  {} ms", done, total, migration.number, migration.name, migration.duration_ms));
  });
  if (!status.ok()) return ReportError(context, "migrate the database", AsIfFromServer(status.status()));
  if (context.json) {
    PrintStatus(*status, context);
  } else {
    context.out << fmt::format("{} applied; the database is at migration {}\n", applied, status->migrations.size());
  }
  return kOk;
}

}  // namespace

void AddMigrate(CLI::App& app, Context& context) {
  auto flags = std::make_shared<MigrateFlags>();
  CLI::App* command = app.add_subcommand("migrate", "The schema of the database: how far it is, bring it up to date");
  command->require_subcommand(1);

  CLI::App* status =
      command->add_subcommand("status", "Which migrations are applied; exit code 1 when some are pending");
  flags->database.AddTo(*status);
  AddFooter(*status, std::string(kDatabaseHelp) +
                         "\nExamples:\n"
                         "  eventctl migrate status --database postgres://me@db.example.com/events\n"
                         "  eventctl migrate status --data-dir /var/lib/eventstore --json");
  status->callback([flags, &context] { context.exit_code = RunStatus(*flags, context); });

  CLI::App* up =
      command->add_subcommand("up", "Apply what is pending; safe to repeat and to run in several places at once");
  flags->database.AddTo(*up);
  storage::MigrationOptions& options = flags->options;
  AddFlag(*up, "--engine", flags->engine, "ENGINE",
          "Of a new store: timescaledb, or native on PostgreSQL without extensions (default: timescaledb where the "
          "extension is installed, else native); recorded, never changed later")
      ->check(CLI::IsMember({storage::kTimescaleEngine, storage::kNativeEngine}));
  AddNumber(*up, "--lanes", options.lanes, 1, 64,
            "Append lanes of a new store" + Default(options.lanes) + "; recorded, never changed later");
  AddFlag(*up, "--chunk-interval", options.chunk_interval, "TEXT",
          "Of a new store, as PostgreSQL writes intervals" + Default(options.chunk_interval));
  AddFooter(*up, std::string(kDatabaseHelp) +
                     "\nExamples:\n"
                     "  eventctl migrate up --database postgres://me@db.example.com/events\n"
                     "  eventctl migrate up --database postgres://me@db.example.com/events --chunk-interval '7 days'\n"
                     "  eventctl migrate up --database postgres://me@db.example.com/events --engine native");
  up->callback([flags, &context] { context.exit_code = RunUp(*flags, context); });
}

}  // namespace eventstore::eventctl
