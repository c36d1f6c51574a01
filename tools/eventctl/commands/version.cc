// eventctl version: the version an append has to expect.
#include <fmt/format.h>

#include <memory>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

ExitCode RunVersion(const std::string& aggregate_id, Context& context) {
  const auto answer = MakeClient(context).GetVersion(aggregate_id, CallOptionsOf(context));
  if (!answer.ok()) return ReportError(context, "read the version of aggregate " + aggregate_id, answer.status());
  const bool exists = answer->version() > 0;
  if (context.json) {
    context.out << JsonObject()
                       .Add("aggregate_id", aggregate_id)
                       .Add("version", answer->version())
                       .AddOrNull("first_timestamp", exists ? FormatTime(answer->first_timestamp()) : "")
                       .AddOrNull("last_timestamp", exists ? FormatTime(answer->last_timestamp()) : "")
                       .Text()
                << '\n';
    return kOk;
  }
  context.out << answer->version() << '\n';
  Hint(context, exists ? fmt::format("first event {}, last event {} (UTC)", FormatTimeShort(answer->first_timestamp()),
                                     FormatTimeShort(answer->last_timestamp()))
                       : "it does not exist yet; the first append expects version 0");
  return kOk;
}

}  // namespace

void AddVersion(CLI::App& app, Context& context) {
  auto aggregate_id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("version", "The version of an aggregate, 0 when it does not exist");
  AddUuid(*command, "AGGREGATE_ID", *aggregate_id, "The aggregate")->required();
  AddFooter(*command,
            "Examples:\n"
            "  eventctl version 0190a0e2-7c1b-7000-8000-000000000001\n"
            "  eventctl append $ID --event order.paid --expected-version $(eventctl version $ID)");
  command->callback([aggregate_id, &context] { context.exit_code = RunVersion(*aggregate_id, context); });
}

}  // namespace eventstore::eventctl
