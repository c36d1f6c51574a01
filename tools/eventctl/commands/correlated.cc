// eventctl correlated: a workflow, drawn as causes and effects.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/tree.h"

namespace eventstore::eventctl {
namespace {

// A tree needs all of its events at once, about 300 bytes each. Larger workflows are listed in order.
constexpr std::size_t kMaxTreeEvents = 20'000;

struct CorrelatedFlags {
  std::string correlation_id;
  std::string from;
  std::string to;
  bool flat = false;
};

TreeNode NodeOf(const v1::RecordedEvent& event, const Style& style) {
  return {.id = event.id(),
          .cause = event.causation_id(),
          .label = fmt::format("{}  {} {} v{}  {}{}", style.Bold(Printable(event.event_type())),
                               Printable(event.aggregate_type()), event.aggregate_id(), event.version(),
                               style.Dim(FormatTimeShort(event.timestamp())),
                               event.user_id().empty() ? "" : "  by " + Printable(event.user_id()))};
}

void PrintTree(const std::vector<TreeNode>& nodes, Context& context) {
  const Style style = context.out_style();
  for (const TreeLine& line : LayOutTree(nodes, context.out_terminal.utf8)) {
    const TreeNode& node = nodes[line.node];
    context.out << style.Dim(line.branch) << node.label;
    if (line.outside_cause) context.out << style.Dim("  (caused by " + node.cause + ", outside this workflow)");
    context.out << '\n';
  }
  context.out.flush();
}

ExitCode RunCorrelated(const CorrelatedFlags& flags, Context& context) {
  v1::GetCorrelatedEventsRequest request;
  request.set_correlation_id(flags.correlation_id);
  if (const auto from = ParseTimeFlag(flags.from)) *request.mutable_from_time() = *from;
  if (const auto to = ParseTimeFlag(flags.to)) *request.mutable_to_time() = *to;

  EventPrinter rows(context, {EventColumn::kTime, EventColumn::kAggregate, EventColumn::kVersion,
                              EventColumn::kEventType, EventColumn::kUser, EventColumn::kData});
  bool as_tree = !context.json && !flags.flat;
  std::vector<TreeNode> nodes;
  std::size_t count = 0;
  const client::EventStoreClient store = MakeClient(context);
  for (const auto& event : store.ReadCorrelated(request, CallOptionsOf(context))) {
    if (!event.ok()) {
      if (as_tree) PrintTree(nodes, context);
      rows.Flush();
      return ReportError(context, "read correlation " + flags.correlation_id, event.status());
    }
    ++count;
    if (as_tree && nodes.size() == kMaxTreeEvents) {
      PrintTree(nodes, context);
      Hint(context, fmt::format("more than {} events: what follows is listed in order", kMaxTreeEvents));
      nodes.clear();
      as_tree = false;
    }
    if (as_tree) {
      nodes.push_back(NodeOf(*event, context.out_style()));
    } else {
      rows.Print(*event);
    }
  }
  if (as_tree) PrintTree(nodes, context);
  rows.Flush();
  Hint(context, CountOf(static_cast<std::int64_t>(count), "event"));
  return kOk;
}

}  // namespace

void AddCorrelated(CLI::App& app, Context& context) {
  auto flags = std::make_shared<CorrelatedFlags>();
  CLI::App* command = app.add_subcommand("correlated", "All events of a workflow, each below the event that caused it");
  AddUuid(*command, "CORRELATION_ID", flags->correlation_id, "The workflow")->required();
  AddTime(*command, "--from", flags->from, std::string("From this time on; ") + kTimeHelp);
  AddTime(*command, "--to", flags->to, "Before this time");
  command->add_flag("--flat", flags->flat, "A table in global order instead of the tree");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl correlated 0190a0e2-7c1b-7000-8000-000000000042\n"
            "  eventctl correlated 0190a0e2-7c1b-7000-8000-000000000042 --flat\n"
            "  eventctl correlated 0190a0e2-7c1b-7000-8000-000000000042 --json");
  command->callback([flags, &context] { context.exit_code = RunCorrelated(*flags, context); });
}

}  // namespace eventstore::eventctl
