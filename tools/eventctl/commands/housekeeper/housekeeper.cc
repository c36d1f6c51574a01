// eventctl housekeeper: what upkeep there is, what came of it, running it now, changing when.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/commands/housekeeper/housekeeper_call.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/run_text.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using Stub = v1::Housekeeper::Stub;

std::string Coloured(const Context& context, v1::RunStatus status) {
  const Style style = context.out_style();
  const std::string name = StatusName(status);
  if (status == v1::RUN_STATUS_FAILED) return style.Red(name);
  return status == v1::RUN_STATUS_INTERRUPTED ? style.Yellow(name) : name;
}

void PrintTasks(Context& context, const google::protobuf::RepeatedPtrField<v1::Task>& tasks) {
  Table table(context.out, context.out_terminal,
              {{.heading = "TASK"},
               {.heading = "SCHEDULE (UTC)"},
               {.heading = "NEXT (UTC)"},
               {.heading = "LAST (UTC)"},
               {.heading = "STATUS"},
               {.heading = "SAYS"}});
  for (const auto& task : tasks) {
    const auto& last = task.last_run();
    std::string status = task.has_last_run() ? Coloured(context, last.status()) : "-";
    if (task.overdue()) status += context.out_style().Red(" OVERDUE");
    table.Row({task.name(), task.schedule(),
               task.has_next_run_at() ? FormatTimeShort(task.next_run_at()) : "switched off",
               task.has_last_run() ? FormatTimeShort(last.started_at()) : "never", status,
               Printable(last.error().empty() ? last.summary() : last.error())});
  }
  table.Flush();
}

ExitCode RunTasks(Context& context) {
  const auto answer = HousekeeperCalls(context).Call(&Stub::ListTasks, v1::ListTasksRequest());
  if (!answer.ok()) return ReportError(context, "list the tasks", answer.status());
  if (context.json) {
    for (const auto& task : answer->tasks()) context.out << TaskJson(task) << '\n';
    return kOk;
  }
  PrintTasks(context, answer->tasks());
  if (answer->tasks().empty()) Hint(context, "no tasks yet; does any server run with a housekeeper?");
  return kOk;
}

struct RunsFlags {
  std::string task;
  std::string status;
  int max = 20;
};

ExitCode RunRuns(const RunsFlags& flags, Context& context) {
  v1::ListRunsRequest request;
  request.set_task(flags.task);
  request.set_status(StatusOf(flags.status));
  const HousekeeperCalls calls(context);
  Table table(context.out, context.out_terminal,
              {{.heading = "RUN", .right = true},
               {.heading = "TASK"},
               {.heading = "STARTED (UTC)"},
               {.heading = "BY"},
               {.heading = "STATUS"},
               {.heading = "ON", .max_width = 32},
               {.heading = "SAYS"}});
  for (int left = flags.max; left > 0;) {
    request.set_page_size(std::min(left, 1'000));
    const auto page = calls.Call(&Stub::ListRuns, request);
    if (!page.ok()) return ReportError(context, "list the runs", page.status());
    for (const auto& run : page->runs()) {
      if (context.json) {
        context.out << RunJson(run) << '\n';
        continue;
      }
      table.Row({std::to_string(run.id()), run.task(), FormatTimeShort(run.started_at()), TriggerName(run.trigger()),
                 Coloured(context, run.status()), run.instance(),
                 Printable(run.error().empty() ? run.summary() : run.error())});
    }
    left -= page->runs_size();
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
  }
  if (!context.json) {
    table.Flush();
    if (table.rows() == 0) Hint(context, "no such runs");
  }
  return kOk;
}

struct ScheduleFlags {
  std::string task;
  std::string schedule;
  bool on = false;
  bool off = false;
};

ExitCode RunSchedule(const ScheduleFlags& flags, Context& context) {
  if (flags.schedule.empty() && !flags.on && !flags.off) {
    return ReportUsage(context, "say what to change: a SCHEDULE, --on or --off");
  }
  v1::UpdateScheduleRequest request;
  request.set_task(flags.task);
  if (!flags.schedule.empty()) request.set_schedule(flags.schedule);
  if (flags.on || flags.off) request.set_enabled(flags.on);
  const char* user = std::getenv("USER");
  request.set_changed_by(user == nullptr ? "eventctl" : user);
  const auto answer = HousekeeperCalls(context).Call(&Stub::UpdateSchedule, request);
  if (!answer.ok()) return ReportError(context, "change when " + flags.task + " runs", answer.status());
  const auto& task = answer->task();
  if (context.json) {
    context.out << TaskJson(task) << '\n';
  } else {
    context.out << fmt::format(
        "{}: \"{}\", {}\n", task.name(), task.schedule(),
        task.has_next_run_at() ? "next at " + FormatTimeShort(task.next_run_at()) + " UTC" : "switched off");
  }
  return kOk;
}

struct RunFlags {
  std::string task;
  bool dry_run = false;
  int retention_days = 0;
  int from_days = 0;
  int to_days = 0;
};

void AddTasks(CLI::App& housekeeper, Context& context) {
  CLI::App* command = housekeeper.add_subcommand("tasks", "Every task: when it runs, and what came of it last");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl housekeeper tasks\n"
            "  eventctl housekeeper tasks --json | jq 'select(.overdue)'");
  command->callback([&context] { context.exit_code = RunTasks(context); });
}

void AddRun(CLI::App& housekeeper, Context& context) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = housekeeper.add_subcommand("run", "Run a task now, and watch it");
  AddFlag(*command, "TASK", flags->task, "TASK", "The task")->required();
  command->add_flag("--dry-run", flags->dry_run, "Say what would be done, change nothing");
  auto* retention = AddNumber(*command, "--retention-days", flags->retention_days, 1, 36'500, "Of retention");
  auto* from = AddNumber(*command, "--from-days", flags->from_days, -36'500, 36'500, "From so many days from today");
  auto* to = AddNumber(*command, "--to-days", flags->to_days, -36'500, 36'500, "To so many days from today");
  AddFooter(*command,
            "Ctrl-C ends the run after the step at hand. Exit codes: 0 done or nothing to do, 1 it runs already or "
            "there is no "
            "such task, 5 it failed.\n\n"
            "Examples:\n"
            "  eventctl housekeeper run verify-sample\n"
            "  eventctl housekeeper run refresh-aggregates --from-days -7");
  command->callback([flags, retention, from, to, &context] {
    v1::RunTaskRequest request;
    request.set_task(flags->task);
    request.set_dry_run(flags->dry_run);
    if (retention->count() > 0) request.set_retention_days(flags->retention_days);
    if (from->count() > 0) request.set_from_days(flags->from_days);
    if (to->count() > 0) request.set_to_days(flags->to_days);
    Interrupt interrupt;
    context.exit_code = RunTaskToEnd(context, request, interrupt);
  });
}

void AddRuns(CLI::App& housekeeper, Context& context) {
  auto flags = std::make_shared<RunsFlags>();
  CLI::App* command = housekeeper.add_subcommand("runs", "The runs of late, newest first");
  AddFlag(*command, "--task", flags->task, "TASK", "Only of this task");
  AddFlag(*command, "--status", flags->status, "STATUS", "Only with this status")
      ->check(CLI::IsMember({"running", "succeeded", "failed", "skipped", "interrupted"}));
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "Show at most so many" + Default(flags->max));
  AddFooter(*command,
            "Examples:\n"
            "  eventctl housekeeper runs\n"
            "  eventctl housekeeper runs --status failed --json | jq .error");
  command->callback([flags, &context] { context.exit_code = RunRuns(*flags, context); });
}

void AddSchedule(CLI::App& housekeeper, Context& context) {
  auto flags = std::make_shared<ScheduleFlags>();
  CLI::App* command = housekeeper.add_subcommand("schedule", "Change when a task runs");
  AddFlag(*command, "TASK", flags->task, "TASK", "The task")->required();
  AddFlag(
      *command, "SCHEDULE", flags->schedule, "SCHEDULE",
      "Five fields of cron in UTC (minute, hour, day, month, day of the week), or @hourly, @daily, @weekly, @monthly");
  auto* on = command->add_flag("--on", flags->on, "Switch it on");
  command->add_flag("--off", flags->off, "Switch it off: it runs for operators only")->excludes(on);
  AddFooter(*command,
            "Holds for all servers, within 15 seconds. Exit code 1: there is no such task.\n\n"
            "Examples:\n"
            "  eventctl housekeeper schedule refresh-aggregates @hourly\n"
            "  eventctl housekeeper schedule verify-sample '30 3 * * SUN'\n"
            "  eventctl housekeeper schedule compression --off");
  command->callback([flags, &context] { context.exit_code = RunSchedule(*flags, context); });
}

}  // namespace

void AddHousekeeper(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("housekeeper", "Upkeep: tasks, their runs, and when they run");
  command->require_subcommand(0, 1);
  AddTasks(*command, context);
  AddRun(*command, context);
  AddRuns(*command, context);
  AddSchedule(*command, context);
  AddFooter(*command,
            "Without a command: the tasks.\n\n"
            "Examples:\n"
            "  eventctl housekeeper\n"
            "  eventctl housekeeper COMMAND --help");
  command->callback([command, &context] {
    if (command->get_subcommands().empty()) context.exit_code = RunTasks(context);
  });
}

}  // namespace eventstore::eventctl
