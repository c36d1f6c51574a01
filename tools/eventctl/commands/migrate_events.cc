// eventctl migrate-events: a legacy table, query or file of JSON lines into the store.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "server/domain/system_clock.h"
#include "server/storage/import/import_runs.h"
#include "server/storage/sql_errors.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/moving/chunk_plan.h"
#include "tools/eventctl/moving/move_output.h"
#include "tools/eventctl/moving/mover.h"
#include "tools/eventctl/moving/source_flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

constexpr int kMostRuns = 100;

struct MigrateEventsFlags {
  DatabaseFlags database;
  SourceFlags source;
  MoveOptions move;
  std::string chunk_interval = "auto";
  std::string errors;
  bool restart = false;
};

// "auto": 0; "store": none; "7 days", "1 day". Nothing: not one of these.
std::optional<domain::TimeMicros> ParseInterval(const std::string& text) {
  if (text == "auto" || text == "store") return 0;
  const std::size_t space = text.find(' ');
  const std::string unit = space == std::string::npos ? "" : text.substr(space + 1);
  if (unit != "day" && unit != "days") return std::nullopt;
  const std::string number = text.substr(0, space);
  if (number.empty() || number.size() > 4 || number.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  const int days = std::stoi(number);
  return days > 0 ? std::optional(days * domain::kMicrosPerDay) : std::nullopt;
}

class MigrateEvents {
 public:
  MigrateEvents(const MigrateEventsFlags& flags, Context& context)
      : flags_(flags), context_(context), progress_(context.err, context.err_terminal, !context.json) {}

  ExitCode Run() {
    // Before other threads, which are to inherit that signals are blocked.
    Interrupt interrupt;
    const auto store = FindDatabase(flags_.database);
    if (!store.ok()) return ReportError(context_, "find the database", store.status());
    Remarks remarks(context_, progress_);
    if (absl::Status opened = remarks.Open(flags_.errors); !opened.ok()) {
      return ReportUsage(context_, std::string(opened.message()));
    }
    auto opened = OpenSource(flags_.source, *store, std::nullopt);
    if (!opened.ok()) return ReportError(context_, "open the source", AsIfFromServer(opened.status()));
    auto facts = opened->source->Facts();
    if (!facts.ok()) return ReportError(context_, "look at the source", AsIfFromServer(facts.status()));
    Plan(*opened, *facts);

    storage::Session book_session(*store, "migration book");
    storage::ImportRuns book(book_session);
    auto run = Begin(book, opened->name);
    if (!run.ok()) return ReportError(context_, "begin the migration", AsIfFromServer(run.status()));
    plan_.resumed = run->resumed;
    if (run->resumed) Hint(context_, fmt::format("going on with run {}", run->id.ToString()));
    if (!flags_.move.dry_run) plan_.run = run->id.ToString();

    MoveOptions options = flags_.move;
    options.chunk_interval = plan_.interval;
    Mover mover(*store, *opened->source, *opened->mapper, options, *run);
    absl::Status moved = storage::Caught([&] {
      return mover.Run([&](const MoveRemark& remark) { remarks.Add(remark); },
                       [&](const MoveReport& now) { Show(now); }, [&] { return interrupt.requested(); });
    });
    progress_.End();
    remarks.End();
    if (moved.ok() && mover.report().complete && !options.dry_run) moved = book.Finish(run->id);
    PrintMove(context_, plan_, mover.report());
    if (!moved.ok()) {
      Hint(context_, "what was written is there; the same command goes on behind it");
      return ReportError(context_, "migrate the events", AsIfFromServer(moved));
    }
    if (interrupt.requested()) return kInterrupted;
    return mover.report().counts.skipped > 0 ? kNegative : kOk;
  }

 private:
  void Plan(const OpenedSource& opened, const SourceFacts& facts) {
    plan_.source = opened.name;
    plan_.facts = facts;
    if (facts.first && facts.last) {
      plan_.proposed_interval = ProposeChunkInterval(facts.rows, *facts.first, *facts.last);
    }
    plan_.interval = flags_.chunk_interval == "auto" ? plan_.proposed_interval : *ParseInterval(flags_.chunk_interval);
  }

  absl::StatusOr<storage::ImportRun> Begin(storage::ImportRuns& book, const std::string& source) {
    domain::UuidV7Maker ids{clock_};
    if (flags_.move.dry_run) return storage::ImportRun{.id = ids.Make(), .resumed = false, .batch = 0, .place = {}};
    auto alone = book.Lock(source);
    if (!alone.ok()) return alone.status();
    if (!*alone) {
      return absl::FailedPreconditionError(
          "another eventctl is migrating this source into this store; wait for it, or end it");
    }
    return book.Begin(source, flags_.move.writers, flags_.restart, ids.Make());
  }

  void Show(const MoveReport& now) {
    const double rate = now.seconds > 0 ? static_cast<double>(now.counts.events) / now.seconds : 0;
    const auto all = flags_.move.limit > 0 ? std::min(flags_.move.limit, plan_.facts.rows) : plan_.facts.rows;
    const auto left = std::max<std::int64_t>(all - now.counts.events, 0);
    // After a resumption it is not known how many are behind the place.
    const double share =
        plan_.resumed || all == 0 ? -1 : static_cast<double>(now.counts.events) / static_cast<double>(all);
    std::string text =
        fmt::format("{} rows, {}/s", WithThousands(now.counts.events), WithThousands(static_cast<std::int64_t>(rate)));
    if (rate > 0 && !plan_.resumed) {
      text += fmt::format(
          ", {} left",
          FormatDuration(std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(left) / rate))));
    }
    if (now.counts.skipped > 0) text += fmt::format(", {} skipped", WithThousands(now.counts.skipped));
    progress_.Show(share, text);
  }

  const MigrateEventsFlags& flags_;
  Context& context_;
  ProgressLine progress_;
  domain::SystemClock clock_;
  MovePlan plan_;
};

ExitCode RunRuns(const DatabaseFlags& flags, Context& context) {
  const auto store = FindDatabase(flags);
  if (!store.ok()) return ReportError(context, "find the database", store.status());
  storage::Session session(*store, "migration book");
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) {
    return ReportError(context, "read the runs", AsIfFromServer(connected));
  }
  const auto runs = storage::ImportRuns(session).List(kMostRuns);
  if (!runs.ok()) return ReportError(context, "read the runs", AsIfFromServer(runs.status()));
  if (context.json) {
    for (const auto& run : *runs) {
      context.out << JsonObject()
                         .Add("run", run.id)
                         .Add("source", run.source)
                         .Add("started_at", run.started_at)
                         .Add("updated_at", run.updated_at)
                         .AddOrNull("finished_at", run.finished_at)
                         .Add("read", run.counts.events)
                         .Add("written", run.counts.written)
                         .Add("already_there", run.counts.already_there)
                         .Add("skipped", run.counts.skipped)
                         .Add("clamped", run.counts.clamped)
                         .Text()
                  << '\n';
    }
    return kOk;
  }
  Table table(context.out, context.out_terminal,
              {{.heading = "RUN"},
               {.heading = "STARTED (UTC)"},
               {.heading = "FINISHED (UTC)"},
               {.heading = "READ", .right = true},
               {.heading = "WRITTEN", .right = true},
               {.heading = "THERE", .right = true},
               {.heading = "SKIPPED", .right = true},
               {.heading = "SOURCE"}});
  for (const auto& run : *runs) {
    table.Row({run.id, run.started_at, run.finished_at.empty() ? "-" : run.finished_at,
               WithThousands(run.counts.events), WithThousands(run.counts.written),
               WithThousands(run.counts.already_there), WithThousands(run.counts.skipped), Printable(run.source)});
  }
  table.Flush();
  if (runs->empty()) Hint(context, "no migration was begun in this store");
  return kOk;
}

}  // namespace

void AddMigrateEvents(CLI::App& app, Context& context) {
  auto flags = std::make_shared<MigrateEventsFlags>();
  CLI::App* command = app.add_subcommand(
      "migrate-events", "Move a legacy table (or JSON lines) into the store: resumable, repeatable, beside appends");
  command->require_subcommand(0, 1);
  flags->database.AddTo(*command);
  flags->source.AddTo(*command);
  command->add_flag("--dry-run", flags->move.dry_run, "Read everything, write nothing, and tell what would be");
  AddNumber(*command, "--limit", flags->move.limit, 1, INT64_MAX, "Stop after so many rows; the next call goes on");
  AddNumber(*command, "--batch-size", flags->move.batch_size, 1, 20'000,
            "Rows read at once, and written in one transaction a writer" + Default(flags->move.batch_size));
  AddNumber(*command, "--writers", flags->move.writers, 1, 8, "Connections that write" + Default(flags->move.writers));
  AddFlag(*command, "--chunk-interval", flags->chunk_interval, "TEXT",
          "Of chunks that are made for the past: auto, store (its own interval), or '7 days'" +
              Default(flags->chunk_interval))
      ->check([](const std::string& text) {
        return ParseInterval(text) ? std::string() : "is none of auto, store, or so many days, such as '7 days'";
      });
  AddFlag(*command, "--errors", flags->errors, "FILE", "Append every row that was skipped or changed, as JSON lines");
  command->add_flag("--restart", flags->restart,
                    "Begin from the beginning, though a run of this source did not finish");
  AddFooter(*command,
            std::string(kSourceHelp) + kDatabaseHelp +
                "Events keep their ids and times; versions follow the order of time, then of ids. A run that was "
                "ended\nin any way goes on where it was; one that finished may be repeated and writes what is "
                "new.\nExit code 1: rows were skipped.\n"
                "\nExamples:\n"
                "  eventctl migrate-events --dry-run\n"
                "  EVENTSTORE_SOURCE_URL=postgres://me@old.example.com/app eventctl migrate-events "
                "--table public.events\n"
                "  eventctl migrate-events --lines old.jsonl --mapping old.toml --errors refused.jsonl\n"
                "  eventctl migrate-events runs");
  CLI::App* runs = command->add_subcommand("runs", "The migrations into this store, newest first");
  flags->database.AddTo(*runs);
  AddFooter(*runs, std::string(kDatabaseHelp) + "\nExamples:\n  eventctl migrate-events runs --json");
  runs->callback([flags, &context] { context.exit_code = RunRuns(flags->database, context); });
  command->callback([flags, command, &context] {
    if (!command->get_subcommands().empty()) return;
    context.exit_code = MigrateEvents(*flags, context).Run();
  });
}

}  // namespace eventstore::eventctl
