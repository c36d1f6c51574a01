// eventctl dual-write install, enable, disable, remove.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/legacy/legacy_link.h"
#include "tools/eventctl/commands/dual_write/dual_write.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/operator_name.h"
#include "tools/eventctl/output/json_object.h"

namespace eventstore::eventctl {
namespace {

using storage::LegacyLink;

struct InstallFlags {
  DatabaseFlags database;
  LegacyLink link;
  std::string table = "public.events";
  std::string direction = "legacy-to-store";
  std::string aggregate_path = "entityId";
  std::vector<std::string> only;
  bool no_user = false;
};

struct TypeFlags {
  DatabaseFlags database;
  std::string type;
};

struct RemoveFlags {
  DatabaseFlags database;
  bool yes = false;
};

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
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
  LegacyLink link = flags.link;
  const auto name = Split(flags.table, '.');
  if (name.empty() || name.size() > 2) return ReportUsage(context, "--table: give TABLE or SCHEMA.TABLE");
  link.schema = name.size() == 2 ? name[0] : "public";
  link.table = name.back();
  link.direction = *storage::DirectionOf(flags.direction);
  link.aggregate_path = Split(flags.aggregate_path, '.');
  if (flags.no_user) link.user_column.clear();
  if (!flags.only.empty()) link.enabled_event_types = flags.only;
  storage::Session session(*conninfo, "dual-write");
  absl::Status done = session.EnsureConnected();
  if (done.ok()) done = storage::InstallLink(session, link, OperatorName(), PatienceOf(context));
  if (!done.ok()) return ReportError(context, "link table " + link.QualifiedTable(), AsIfFromServer(done));
  const bool forwards = link.direction != storage::LegacyDirection::kStoreToLegacy;
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
  if (done.ok()) done = storage::SetEventType(session, flags.type, enabled, OperatorName());
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
  auto link = done.ok() ? storage::RequireLink(session) : absl::StatusOr<LegacyLink>(done);
  if (!link.ok()) return ReportError(context, "remove dual write", AsIfFromServer(link.status()));
  const std::string question =
      fmt::format("End dual write with {} and forget what waits on either side?", link->QualifiedTable());
  if (!Confirm(context, question, flags.yes)) return context.exit_code;
  done = storage::RemoveLink(session, OperatorName(), PatienceOf(context));
  if (!done.ok()) return ReportError(context, "remove dual write", AsIfFromServer(done));
  return Done(context, "remove", "dual write has ended; both sides keep what they have");
}

}  // namespace

void AddDualWriteInstall(CLI::App& dual_write, Context& context) {
  auto flags = std::make_shared<InstallFlags>();
  CLI::App* command = dual_write.add_subcommand("install", "Link a legacy table, and make the triggers");
  flags->database.AddTo(*command);
  AddFlag(*command, "--table", flags->table, "NAME",
          "The legacy table, with or without schema" + Default(flags->table));
  AddFlag(*command, "--direction", flags->direction, "WHERE",
          "legacy-to-store: its writers go on. store-to-legacy: its readers go on. both" + Default(flags->direction))
      ->check(CLI::IsMember({"legacy-to-store", "store-to-legacy", "both"}));
  AddFlag(*command, "--id-column", flags->link.id_column, "NAME", "Of type uuid" + Default(flags->link.id_column));
  AddFlag(*command, "--time-column", flags->link.time_column, "NAME", "A timestamp" + Default(flags->link.time_column));
  AddFlag(*command, "--type-column", flags->link.type_column, "NAME", "Event type" + Default(flags->link.type_column));
  AddFlag(*command, "--data-column", flags->link.data_column, "NAME",
          "A JSON object" + Default(flags->link.data_column));
  AddFlag(*command, "--user-column", flags->link.user_column, "NAME", "User id" + Default(flags->link.user_column));
  command->add_flag("--no-user", flags->no_user, "It has no such column");
  AddFlag(*command, "--correlation-column", flags->link.correlation_column, "NAME", "Correlation id (default none)");
  AddFlag(
      *command, "--aggregate-path", flags->aggregate_path, "PATH",
      "Where the aggregate's id is in the data, keys with dots between; '' for nowhere: then, and where it is missing, "
      "each row is an aggregate of its own" +
          Default(flags->aggregate_path));
  AddFlag(*command, "--aggregate-type", flags->link.aggregate_type, "TYPE",
          "Of every event that comes from there" + Default(flags->link.aggregate_type));
  AddList(*command, "--only", flags->only, "TYPE", "Begin with this event type alone; others wait");
  command->add_flag("--strict,!--no-strict", flags->link.strict,
                    "An append fails when its event cannot be written to the legacy table; otherwise that is noted");
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "Waits for the legacy table's writers and for appends that are under way.\n\nExamples:\n"
                          "  eventctl dual-write install\n"
                          "  eventctl dual-write install --table app.events --direction both --strict\n"
                          "  eventctl dual-write install --only order.placed --aggregate-path order.id");
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
