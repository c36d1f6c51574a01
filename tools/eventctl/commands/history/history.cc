// eventctl history: what changed of a record; and which tables have a history.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "server/domain/error.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/commands/operations/operations_call.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/record_text.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

struct ListFlags {
  std::string table;
  std::string id;
  std::string ref;
  std::string field;
  std::string status;
  std::string from;
  std::string to;
  bool newest_first = false;
  int max = 100;
};

struct TrackFlags {
  DatabaseFlags database;
  std::string table;
  std::vector<std::string> fields;
  std::string ref;
  std::string id = "id";
  std::string interval = "1 day";
  int retention_days = 90;
};

ExitCode RunList(const ListFlags& flags, Context& context) {
  v1::GetHistoryRequest request;
  request.set_table(flags.table);
  request.set_entity_id(flags.id);
  request.set_entity_ref(flags.ref);
  request.set_field(flags.field);
  request.set_status(flags.status);
  request.set_direction(flags.newest_first ? v1::DIRECTION_BACKWARD : v1::DIRECTION_FORWARD);
  if (const auto from = ParseTimeFlag(flags.from)) *request.mutable_from_time() = *from;
  if (const auto to = ParseTimeFlag(flags.to)) *request.mutable_to_time() = *to;
  const OperationsCalls calls(context);
  Table table(context.out, context.out_terminal,
              {{.heading = "TIME (UTC)"},
               {.heading = "WHAT"},
               {.heading = "ID"},
               {.heading = "REF", .max_width = 40},
               {.heading = "WAS", .max_width = 60},
               {.heading = "BECAME"}});
  for (int left = flags.max; left > 0;) {
    request.set_page_size(std::min(left, 1'000));
    const auto page = calls.Call(&OperationsCalls::Stub::GetHistory, request);
    if (!page.ok()) return ReportError(context, "read the history of " + flags.table, page.status());
    for (const auto& entry : page->entries()) {
      if (context.json) {
        context.out << HistoryJson(entry) << '\n';
        continue;
      }
      table.Row({FormatTimeShort(entry.time()), entry.operation(), entry.entity_id(), Printable(entry.entity_ref()),
                 Printable(entry.old_values().empty() ? "-" : entry.old_values()),
                 Printable(entry.new_values().empty() ? "-" : entry.new_values())});
    }
    left -= request.page_size();
    request.set_page_token(page->next_page_token());
    if (page->next_page_token().empty()) break;
    if (left <= 0) Hint(context, "there is more; --max shows it, or --from and --to choose");
  }
  table.Flush();
  return kOk;
}

// What PostgreSQL refuses is the user's to mend (a table or column that is not there): its own words say it.
absl::StatusOr<pqxx::result> Ask(const DatabaseFlags& database, const std::string& sql, const storage::pq::Args& args) {
  const auto conninfo = FindDatabase(database);
  if (!conninfo.ok()) return conninfo.status();
  storage::Session session(*conninfo, "history");
  auto rows = session.RunText(sql, args);
  const std::string state = storage::SqlStateOf(rows.status());
  if (!state.starts_with("42") && !state.starts_with("22")) return rows;
  const std::string message(rows.status().message());
  constexpr std::string_view kBegin = "ERROR:  ";
  const auto begin = message.find(kBegin);
  const auto from = begin == std::string::npos ? 0 : begin + kBegin.size();
  return domain::ErrorOf(domain::Reason::kInvalidRequest, message.substr(from, message.rfind(" (") - from));
}

ExitCode RunTrack(const TrackFlags& flags, Context& context) {
  const std::optional<std::string> ref = flags.ref.empty() ? std::nullopt : std::optional(flags.ref);
  const auto made =
      Ask(flags.database, "SELECT track_history($1::regclass, $2::text[], $3, $4, $5::interval, $6::integer)",
          {flags.table, storage::TextArray(flags.fields), ref, flags.id, flags.interval,
           fmt::format("{}", flags.retention_days)});
  if (!made.ok()) return ReportError(context, "track " + flags.table, AsIfFromServer(made.status()));
  const std::string history = (*made)[0][0].c_str();
  if (context.json) {
    context.out << JsonObject().Add("table", flags.table).Add("history_table", history).Text() << '\n';
  } else {
    context.out << fmt::format("{}: changes of {} are kept in {} for {} days\n", flags.table,
                               fmt::join(flags.fields, ", "), history, flags.retention_days);
  }
  return kOk;
}

ExitCode RunUntrack(const TrackFlags& flags, Context& context) {
  const auto done = Ask(flags.database, "SELECT untrack_history($1::regclass)", {flags.table});
  if (!done.ok()) return ReportError(context, "untrack " + flags.table, AsIfFromServer(done.status()));
  if ((*done)[0][0].as<bool>()) return kOk;
  Hint(context, flags.table + " was not tracked");
  return kNegative;
}

ExitCode RunTracked(const TrackFlags& flags, Context& context) {
  const auto rows = Ask(flags.database,
                        "SELECT t.table_name, t.history_table, t.fields, coalesce(t.ref_column, ''), "
                        "coalesce(c.retention_days::text, '') FROM tracked_tables t "
                        "LEFT JOIN time_tables c ON c.table_name = t.history_table ORDER BY t.table_name",
                        {});
  if (!rows.ok()) return ReportError(context, "list what is tracked", AsIfFromServer(rows.status()));
  Table table(context.out, context.out_terminal,
              {{.heading = "TABLE"},
               {.heading = "HISTORY"},
               {.heading = "KEPT (DAYS)", .right = true},
               {.heading = "REF"},
               {.heading = "FIELDS"}});
  for (const auto& row : *rows) {
    const auto fields = storage::ParseTextArray(row[2].c_str());
    if (context.json) {
      context.out << JsonObject()
                         .Add("table", row[0].c_str())
                         .Add("history_table", row[1].c_str())
                         .AddRaw("fields", JsonArray(fields, [](const auto& field) { return JsonString(field); }))
                         .AddOrNull("ref", row[3].c_str())
                         .AddRaw("retention_days", *row[4].c_str() == '\0' ? "null" : row[4].c_str())
                         .Text()
                  << '\n';
      continue;
    }
    table.Row({row[0].c_str(), row[1].c_str(), *row[4].c_str() == '\0' ? "for ever" : row[4].c_str(), row[3].c_str(),
               fmt::format("{}", fmt::join(fields, ", "))});
  }
  table.Flush();
  return kOk;
}

void AddList(CLI::App& history, Context& context) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* command = history.add_subcommand("list", "What changed, oldest first");
  AddFlag(*command, "TABLE", flags->table, "TABLE", "execution, worker, or a table that is tracked")->required();
  AddFlag(*command, "--id", flags->id, "ID", "Only of this record");
  AddFlag(*command, "--ref", flags->ref, "REF", "Only of records with this ref");
  AddFlag(*command, "--field", flags->field, "NAME", "Only changes of this field");
  AddFlag(*command, "--status", flags->status, "STATUS", "Only changes to this status");
  AddTime(*command, "--from", flags->from, "Only at or after this time");
  AddTime(*command, "--to", flags->to, "Only before this time");
  command->add_flag("--newest-first", flags->newest_first, "From the end");
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "At most so many" + Default(flags->max));
  AddFooter(*command, std::string(kTimeHelp) +
                          "\n\n"
                          "Examples:\n"
                          "  eventctl history list execution --id 01890a5d-ac96-774b-bcce-b302099a8057\n"
                          "  eventctl history list execution --ref core.echo --status failed --from 7d\n"
                          "  eventctl history list worker --field status --newest-first --json");
  command->callback([flags, &context] { context.exit_code = RunList(*flags, context); });
}

void AddTrack(CLI::App& history, Context& context) {
  auto flags = std::make_shared<TrackFlags>();
  CLI::App* command = history.add_subcommand("track", "Keep a history of fields of a table, from now on");
  AddFlag(*command, "TABLE", flags->table, "TABLE", "A table of this database, with its schema unless that is public")
      ->required();
  AddFlag(*command, "--fields", flags->fields, "NAME,...", "The columns to follow")->required()->delimiter(',');
  AddFlag(*command, "--ref", flags->ref, "NAME", "The column by which people know a row");
  AddFlag(*command, "--id", flags->id, "NAME", "The column that names a row for ever" + Default(flags->id));
  AddFlag(*command, "--chunk-interval", flags->interval, "TEXT",
          "How long a chunk of the history is, as PostgreSQL writes intervals" + Default(flags->interval));
  AddNumber(*command, "--retention-days", flags->retention_days, 1, 36'500,
            "How long the history is kept" + Default(flags->retention_days));
  flags->database.AddTo(*command);
  AddFooter(*command, std::string(kDatabaseHelp) +
                          "\nAgain with other fields: those are followed from then on, and what is recorded stays.\n\n"
                          "Examples:\n"
                          "  eventctl history track orders --fields state,total --ref number\n"
                          "  eventctl history track shop.orders --fields state --id order_id --retention-days 365");
  command->callback([flags, &context] { context.exit_code = RunTrack(*flags, context); });
}

void AddUntrack(CLI::App& history, Context& context) {
  auto flags = std::make_shared<TrackFlags>();
  CLI::App* command = history.add_subcommand("untrack", "End the history of a table; what is recorded stays");
  AddFlag(*command, "TABLE", flags->table, "TABLE", "The table")->required();
  flags->database.AddTo(*command);
  AddFooter(*command, std::string(kDatabaseHelp) + "\nExamples:\n  eventctl history untrack orders");
  command->callback([flags, &context] { context.exit_code = RunUntrack(*flags, context); });
}

void AddTracked(CLI::App& history, Context& context) {
  auto flags = std::make_shared<TrackFlags>();
  CLI::App* command = history.add_subcommand("tracked", "Which tables have a history, and of what");
  flags->database.AddTo(*command);
  AddFooter(*command, std::string(kDatabaseHelp) + "\nExamples:\n  eventctl history tracked --json | jq .fields");
  command->callback([flags, &context] { context.exit_code = RunTracked(*flags, context); });
}

}  // namespace

void AddHistory(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("history", "What changed of a record; which tables have a history");
  command->require_subcommand(1);
  AddList(*command, context);
  AddTrack(*command, context);
  AddUntrack(*command, context);
  AddTracked(*command, context);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl history list execution --ref core.echo --from 1h\n"
            "  eventctl history track orders --fields state,total --ref number\n"
            "  eventctl history COMMAND --help");
}

}  // namespace eventstore::eventctl
