// eventctl audit: what operators and admins did.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/commands/housekeeper/housekeeper_call.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

struct AuditFlags {
  std::string since;
  std::string who;
  std::string action;
  int max = 100;
};

std::string RecordJson(const v1::AuditRecord& record) {
  return JsonObject()
      .Add("id", record.id())
      .Add("at", FormatTime(record.at()))
      .Add("call_id", record.call_id())
      .Add("identity", record.identity())
      .Add("credential", record.credential())
      .Add("peer", record.peer())
      .Add("action", record.action())
      .Add("target", record.target())
      .Add("outcome", record.outcome())
      .AddRaw("detail", record.detail())
      .Text();
}

ExitCode RunAudit(const AuditFlags& flags, Context& context) {
  v1::ListAuditLogRequest request;
  if (const auto since = ParseTimeFlag(flags.since)) *request.mutable_since() = *since;
  request.set_identity(flags.who);
  request.set_action(flags.action);
  const HousekeeperCalls calls(context);
  Table table(context.out, context.out_terminal,
              {{.heading = "WHEN (UTC)"},
               {.heading = "WHO", .max_width = 32},
               {.heading = "BY"},
               {.heading = "FROM", .max_width = 32},
               {.heading = "ACTION"},
               {.heading = "TARGET", .max_width = 40},
               {.heading = "OUTCOME"}});
  for (int left = flags.max; left > 0;) {
    request.set_page_size(std::min(left, 1'000));
    const auto page = calls.Call(&v1::Housekeeper::Stub::ListAuditLog, request);
    if (!page.ok()) return ReportError(context, "read the audit log", page.status());
    for (const auto& record : page->records()) {
      if (context.json) {
        context.out << RecordJson(record) << '\n';
        continue;
      }
      table.Row({FormatTimeShort(record.at()), Printable(record.identity().empty() ? "-" : record.identity()),
                 record.credential(), Printable(record.peer()), record.action(), Printable(record.target()),
                 record.outcome()});
    }
    left -= page->records_size();
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
  }
  if (!context.json) {
    table.Flush();
    if (table.rows() == 0) Hint(context, "nothing of the kind was done");
  }
  return kOk;
}

}  // namespace

void AddAudit(CLI::App& app, Context& context) {
  auto flags = std::make_shared<AuditFlags>();
  CLI::App* command = app.add_subcommand("audit", "What operators and admins did, newest first");
  AddTime(*command, "--since", flags->since, "Only from then on");
  AddFlag(*command, "--who", flags->who, "NAME", "Only of this identity");
  AddFlag(*command, "--action", flags->action, "METHOD", "Only of this method");
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "Show at most so many" + Default(flags->max));
  AddFooter(*command, std::string(kTimeHelp) +
                          "\n\nNeeds the role operator. An outcome \"begun\" is of an action under way, or one whose "
                          "server went away.\n\n"
                          "Examples:\n"
                          "  eventctl audit\n"
                          "  eventctl audit --since 7d --who ops --action RunTask\n"
                          "  eventctl audit --json | jq 'select(.outcome != \"done\")'");
  command->callback([flags, &context] { context.exit_code = RunAudit(*flags, context); });
}

}  // namespace eventstore::eventctl
