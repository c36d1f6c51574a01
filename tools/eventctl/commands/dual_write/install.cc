// eventctl dual-write install, enable, disable, remove.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "server/moving/legacy_link.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/operator_name.h"
#include "tools/eventctl/moving/link_rule.h"
#include "tools/eventctl/moving/mapping.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

using moving::LegacyLink;

struct InstallFlags {
  DatabaseFlags database;
  std::string table = "events";
  std::string mapping;
  std::string aggregate_type;
  std::string direction = "legacy-to-store";
  std::vector<std::string> only;
  bool strict = false;
};

struct TypeFlags {
  DatabaseFlags database;
  std::string type;
};

struct RemoveFlags {
  DatabaseFlags database;
  bool yes = false;
};

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) return absl::InvalidArgumentError("cannot read the mapping file " + path);
  return text.str();
}

// What the flags come to, before the database is asked.
absl::StatusOr<LegacyLink> LinkOfFlags(const InstallFlags& flags) {
  absl::StatusOr<std::string> text = std::string();
  if (!flags.mapping.empty()) text = ReadFile(flags.mapping);
  if (!text.ok()) return text.status();
  const auto mapping = ParseMapping(*text, flags.mapping);
  if (!mapping.ok()) return mapping.status();
  auto link = LinkOf(*mapping);
  if (!link.ok()) return link;
  const std::size_t dot = flags.table.find('.');
  link->schema = dot == std::string::npos ? "public" : flags.table.substr(0, dot);
  link->table = dot == std::string::npos ? flags.table : flags.table.substr(dot + 1);
  if (link->schema.empty() || link->table.empty()) {
    return absl::InvalidArgumentError("--table: give TABLE or SCHEMA.TABLE");
  }
  link->mapping = *text;
  link->mapped_table = mapping->table.empty() ? TableName(flags.table) : mapping->table;
  link->aggregate_type = flags.aggregate_type;
  link->direction = *moving::DirectionOf(flags.direction);
  link->strict = flags.strict;
  if (!flags.only.empty()) link->enabled_event_types = flags.only;
  return link;
}

ExitCode Done(Context& context, const char* what, const std::string& text) {
  if (context.json) {
    context.out << JsonObject().Add("done", what).Add("detail", text).Text() << '\n';
  } else {
    context.out << text << '\n';
  }
  return kOk;
}

ExitCode RunInstall(const InstallFlags& flags, Context& context) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  const auto made = LinkOfFlags(flags);
  if (!made.ok()) return ReportUsage(context, std::string(made.status().message()));
  const LegacyLink& link = *made;
  storage::Session session(*conninfo, "dual-write");
  absl::Status done = session.EnsureConnected();
  if (done.ok()) done = moving::InstallLink(session, link, OperatorName(), PatienceOf(context));
  if (!done.ok()) return ReportError(context, "link table " + link.QualifiedTable(), AsIfFromServer(done));
  const bool forwards = link.direction != moving::LegacyDirection::kStoreToLegacy;
  return Done(context, "install",
              fmt::format("linked {}, {}{}", link.QualifiedTable(), flags.direction,
                          forwards ? "; next: copy what it holds with `eventctl migrate-events`, then start `eventctl "
                                     "dual-write run`"
                                   : ""));
}

ExitCode RunType(const TypeFlags& flags, bool enabled, Context& context) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  storage::Session session(*conninfo, "dual-write");
  absl::Status done = session.EnsureConnected();
  if (done.ok()) done = moving::SetEventType(session, flags.type, enabled, OperatorName());
  if (!done.ok()) return ReportError(context, "switch " + flags.type, AsIfFromServer(done));
  return Done(context, enabled ? "enable" : "disable",
              fmt::format("{} is {}", flags.type,
                          enabled ? "on; what waited of it comes over with `eventctl dual-write run`"
                                  : "off; what comes of it from now on waits"));
}

ExitCode RunRemove(const RemoveFlags& flags, Context& context) {
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  storage::Session session(*conninfo, "dual-write");
  absl::Status done = session.EnsureConnected();
  auto link = done.ok() ? moving::RequireLink(session) : absl::StatusOr<LegacyLink>(done);
  if (!link.ok()) return ReportError(context, "remove dual write", AsIfFromServer(link.status()));
  const std::string question =
      fmt::format("End dual write with {} and forget what waits on either side?", link->QualifiedTable());
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  done = moving::RemoveLink(session, OperatorName(), PatienceOf(context));
  if (!done.ok()) return ReportError(context, "remove dual write", AsIfFromServer(done));
  return Done(context, "remove", "dual write has ended; both sides keep what they have");
}

}  // namespace

void AddDualWriteInstall(CLI::App& dual_write, Context& context) {
  auto flags = std::make_shared<InstallFlags>();
  CLI::App* command = dual_write.add_subcommand("install", "Link a legacy table, and make the triggers");
  flags->database.AddTo(*command);
  AddFlag(*command, "--table", flags->table, "NAME",
          "The legacy table, as name or schema.name" + Default(flags->table));
  AddFlag(*command, "--direction", flags->direction, "WHERE",
          "legacy-to-store: its writers go on. store-to-legacy: its readers go on. both" + Default(flags->direction))
      ->check(CLI::IsMember({"legacy-to-store", "store-to-legacy", "both"}));
  AddFlag(*command, "--mapping", flags->mapping, "FILE", "TOML: which column is which field, as for migrate-events");
  AddFlag(*command, "--aggregate-type", flags->aggregate_type, "TYPE",
          "Of all events from there; else by the mapping's rules, else entity");
  AddList(*command, "--only", flags->only, "TYPE", "Begin with this event type alone; others wait");
  command->add_flag("--strict,!--no-strict", flags->strict,
                    "An append fails when its event cannot be written to the legacy table; otherwise that is noted");
  AddFooter(
      *command,
      std::string(kDatabaseHelp) +
          "Give it the --table, --mapping and --aggregate-type that `eventctl migrate-events` gets: then a row is the "
          "same\n"
          "event, whichever way it comes. Waits for the legacy table's writers and for appends that are under way.\n"
          "\nExamples:\n"
          "  eventctl dual-write install\n"
          "  eventctl dual-write install --table app.events --direction both --strict\n"
          "  eventctl dual-write install --only order.placed --mapping old.toml");
  command->callback([flags, &context] { context.exit_code = RunInstall(*flags, context); });
}

void AddDualWriteTypes(CLI::App& dual_write, Context& context) {
  for (const bool enabled : {true, false}) {
    auto flags = std::make_shared<TypeFlags>();
    CLI::App* command =
        dual_write.add_subcommand(enabled ? "enable" : "disable",
                                  enabled ? "Switch dual write of an event type on" : "Switch it off; its rows wait");
    AddFlag(*command, "TYPE", flags->type, "TYPE", "The event type")->required();
    flags->database.AddTo(*command);
    AddFooter(*command, fmt::format("{}\nExamples:\n  eventctl dual-write {} order.placed", kDatabaseHelp,
                                    enabled ? "enable" : "disable"));
    command->callback([flags, enabled, &context] { context.exit_code = RunType(*flags, enabled, context); });
  }
}

void AddDualWriteRemove(CLI::App& dual_write, Context& context) {
  auto flags = std::make_shared<RemoveFlags>();
  CLI::App* command = dual_write.add_subcommand("remove", "Take the triggers away and forget the legacy table");
  flags->database.AddTo(*command);
  command->add_flag("--yes", flags->yes, "Do not ask");
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "Refused between `cutover switch` and the end of `cutover drop-legacy`.\n\n"
                          "Examples:\n  eventctl dual-write remove --yes");
  command->callback([flags, &context] { context.exit_code = RunRemove(*flags, context); });
}

}  // namespace eventstore::eventctl
