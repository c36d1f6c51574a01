// eventctl partitions: whether there is room for the events of today and of the days to come, and making it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/commands/housekeeper/housekeeper_call.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/run_text.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using PartitionStatus = v1::GetPartitionStatusResponse;

// Those of monitoring plug-ins: they take 2 for critical, which a wrong flag is as well.
constexpr int kGreen = 0;
constexpr int kYellow = 1;
constexpr int kRed = 2;

std::string Light(const Context& context, v1::PartitionHealth health) {
  const Style style = context.out_style();
  const std::string name = HealthName(health);
  if (health == v1::PARTITION_HEALTH_GREEN) return style.Green(name);
  if (health == v1::PARTITION_HEALTH_YELLOW) return style.Yellow(name);
  return style.Red(name);
}

void PrintStatus(Context& context, const PartitionStatus& status) {
  std::int64_t most = 0;
  for (const auto& partition : status.newest_partitions()) most = std::max(most, partition.bytes());
  constexpr int kBarColumns = 20;
  Table table(context.out, context.out_terminal,
              {{.heading = "FROM (UTC)"},
               {.heading = "TO (UTC)"},
               {.heading = "EVENTS", .right = true},
               {.heading = "SIZE", .right = true},
               {.heading = "STATE"},
               {.heading = ""}});
  for (const auto& partition : status.newest_partitions()) {
    table.Row({FormatTimeShort(partition.from()), FormatTimeShort(partition.to()),
               (partition.closed() ? "" : "~") + WithThousands(partition.rows()), BytesText(partition.bytes()),
               partition.compressed() ? "compressed"
               : partition.closed()   ? "closed"
                                      : "open",
               Bar(partition.bytes(), most, kBarColumns, context.out_terminal.utf8)});
  }
  table.Flush();
  const std::string today = status.today_exists() ? "today has its partition"
                            : status.made_ahead() ? "today has NO partition"
                                                  : "today's partition comes with the first event";
  const std::string ahead =
      status.made_ahead() ? fmt::format("{} days ahead", status.days_ahead()) : "made by the insert that needs them";
  context.out << fmt::format("{}: {}, {}; {} of engine {}, {}, {}{} events\n", Light(context, status.health()), today,
                             ahead, CountOf(status.partitions(), "partition"), status.engine(),
                             BytesText(status.bytes()), status.rows_exact() ? "" : "about ",
                             WithThousands(status.rows()));
  for (const auto& remark : status.remarks()) context.out << "  " << Printable(remark) << '\n';
}

ExitCode RunCheck(int newest, Context& context) {
  v1::GetPartitionStatusRequest request;
  request.set_newest(newest);
  const auto status = HousekeeperCalls(context).Call(&v1::Housekeeper::Stub::GetPartitionStatus, request);
  if (!status.ok()) return ReportError(context, "check the partitions", status.status());
  if (context.json) {
    context.out << PartitionStatusJson(*status) << '\n';
  } else {
    PrintStatus(context, *status);
  }
  const int code = status->health() == v1::PARTITION_HEALTH_GREEN    ? kGreen
                   : status->health() == v1::PARTITION_HEALTH_YELLOW ? kYellow
                                                                     : kRed;
  return static_cast<ExitCode>(code);
}

struct FixFlags {
  int from_days = -30;
  int to_days = 30;
  bool dry_run = false;
};

ExitCode RunFix(const FixFlags& flags, Context& context) {
  v1::RunTaskRequest request;
  request.set_task("partition-maintenance");
  request.set_from_days(flags.from_days);
  request.set_to_days(flags.to_days);
  request.set_dry_run(flags.dry_run);
  Interrupt interrupt;
  return RunTaskToEnd(context, request, interrupt);
}

struct MaintainFlags {
  int retention_days = 0;  // 0: as the server is set
  bool dry_run = false;
};

ExitCode RunMaintain(const MaintainFlags& flags, Context& context) {
  v1::RunTaskRequest request;
  request.set_task("partition-maintenance");
  request.set_dry_run(flags.dry_run);
  Interrupt interrupt;
  if (const ExitCode made = RunTaskToEnd(context, request, interrupt); made != kOk) return made;
  v1::ListTasksRequest list;
  const auto tasks = HousekeeperCalls(context).Call(&v1::Housekeeper::Stub::ListTasks, list);
  if (!tasks.ok()) return ReportError(context, "list the tasks", tasks.status());
  request.set_task("retention");
  const bool known = std::any_of(tasks->tasks().begin(), tasks->tasks().end(),
                                 [](const auto& task) { return task.name() == "retention"; });
  if (!known && flags.retention_days == 0) return kOk;
  if (flags.retention_days > 0) request.set_retention_days(flags.retention_days);
  return RunTaskToEnd(context, request, interrupt);
}

void AddCheck(CLI::App& partitions, Context& context) {
  auto newest = std::make_shared<int>(10);
  CLI::App* command = partitions.add_subcommand("check", "Is there a partition for today, how far ahead, how large");
  AddNumber(*command, "--newest", *newest, 1, 1'000, "List so many of the newest" + Default(*newest));
  AddFooter(
      *command,
      "For cron and probes. Exit codes: 0 green; 1 yellow: fewer than 7 days ahead, or partition-maintenance failed or "
      "is overdue; 2 red: no partition for today (or a wrong flag); 3 the server cannot be reached; 5 any other "
      "error.\n"
      "~ before a number: PostgreSQL's estimate, as of an open partition.\n\n"
      "Examples:\n"
      "  eventctl partitions check\n"
      "  eventctl partitions check --json | jq .days_ahead\n"
      "  */10 * * * *  eventctl partitions check >/dev/null || mail -s 'event store' ops@example.com");
  command->callback([newest, &context] { context.exit_code = RunCheck(*newest, context); });
}

void AddFix(CLI::App& partitions, Context& context) {
  auto flags = std::make_shared<FixFlags>();
  CLI::App* command = partitions.add_subcommand("fix", "Make what is missing around today, and try an insert");
  AddNumber(*command, "--from-days", flags->from_days, -36'500, 36'500, "From so many days from today" + Default(-30));
  AddNumber(*command, "--to-days", flags->to_days, -36'500, 36'500, "To so many days from today" + Default(30));
  command->add_flag("--dry-run", flags->dry_run, "Say what is missing, make nothing");
  AddFooter(
      *command,
      "Then inserts an event of now and rolls it back: it has a partition, the role may write, the disk takes it. It "
      "does not go the way of an append, so it says nothing of versions (`eventctl verify` does).\n"
      "Exit codes: 0 done, 1 the task runs already, 5 it failed.\n\n"
      "Examples:\n"
      "  eventctl partitions fix\n"
      "  eventctl partitions fix --from-days 0 --to-days 90");
  command->callback([flags, &context] { context.exit_code = RunFix(*flags, context); });
}

void AddMaintain(CLI::App& partitions, Context& context) {
  auto flags = std::make_shared<MaintainFlags>();
  CLI::App* command = partitions.add_subcommand("maintain", "What the housekeeper does of partitions, now");
  AddNumber(*command, "--retention-days", flags->retention_days, 1, 36'500,
            "Days that events are kept, for this run; default as the server is set");
  command->add_flag("--dry-run", flags->dry_run, "Say what would be done, change nothing");
  AddFooter(
      *command,
      "Runs partition-maintenance and then retention. Exit codes: 0 done, 1 a task runs already or the server has no "
      "retention, 5 it failed.\n\n"
      "Examples:\n"
      "  eventctl partitions maintain\n"
      "  eventctl partitions maintain --retention-days 90 --dry-run");
  command->callback([flags, &context] { context.exit_code = RunMaintain(*flags, context); });
}

}  // namespace

void AddPartitions(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("partitions", "Partitions of the events: check, fix, maintain");
  command->require_subcommand(1);
  AddCheck(*command, context);
  AddFix(*command, context);
  AddMaintain(*command, context);
  AddFooter(*command,
            "Examples:\n"
            "  eventctl partitions check\n"
            "  eventctl partitions COMMAND --help");
}

}  // namespace eventstore::eventctl
