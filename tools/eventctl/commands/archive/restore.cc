// eventctl archive restore.
#include <fmt/format.h>

#include <memory>

#include "server/housekeeping/tasks/restore.h"
#include "server/storage/session.h"
#include "tools/eventctl/commands/archive/archive.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using housekeeping::RestoredFile;

struct RestoreFlags {
  DatabaseFlags database;
  ArchiveFlags archive;
  std::string from;
  std::string to;
  housekeeping::RestoreOptions options;
};

domain::TimeMicros MicrosOf(const std::string& text, domain::TimeMicros otherwise) {
  if (text.empty()) return otherwise;
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto time = ParseTime(text, now);
  return time ? time->time_since_epoch().count() : otherwise;
}

void Print(const std::vector<RestoredFile>& files, Context& context) {
  std::int64_t inserted = 0;
  for (const RestoredFile& file : files) inserted += file.inserted;
  if (context.json) {
    const std::string list = JsonArray(files, [](const RestoredFile& file) {
      return JsonObject().Add("file", file.file).Add("events", file.events).Add("inserted", file.inserted).Text();
    });
    context.out << JsonObject().Add("inserted", inserted).AddRaw("files", list).Text() << '\n';
    return;
  }
  Table table(context.out, context.out_terminal,
              {{.heading = "EVENTS", .right = true}, {.heading = "RESTORED", .right = true}, {.heading = "FILE"}});
  for (const RestoredFile& file : files) {
    table.Row({WithThousands(file.events), WithThousands(file.inserted), file.file});
  }
  table.Flush();
  context.out << fmt::format("{} restored from {}\n", CountOf(inserted, "event"),
                             CountOf(static_cast<std::int64_t>(files.size()), "file"));
}

ExitCode RunRestore(RestoreFlags flags, Context& context) {
  flags.archive.data_dir = flags.database.data_dir;
  const auto folder = FindArchive(flags.archive);
  if (!folder.ok()) return ReportError(context, "find the archive", AsIfFromServer(folder.status()));
  const auto conninfo = FindDatabase(flags.database);
  if (!conninfo.ok()) return ReportError(context, "find the database", conninfo.status());
  flags.options.range = {MicrosOf(flags.from, domain::kMinTime), MicrosOf(flags.to, domain::kMaxTime)};
  storage::Session session(*conninfo, "eventctl archive");
  ProgressLine progress(context.err, context.err_terminal, !context.json);
  const auto restored =
      housekeeping::RestoreArchives(session, *folder, flags.options, [&](const housekeeping::RestoreProgress& now) {
        const double of_file =
            now.events_total > 0 ? static_cast<double>(now.events_done) / static_cast<double>(now.events_total) : 0;
        progress.Show((now.files_done + of_file) / now.files_total,
                      fmt::format("{}: {} of {} events", now.file, WithThousands(now.events_done),
                                  WithThousands(now.events_total)));
      });
  progress.End();
  if (!restored.ok()) return ReportError(context, "restore from the archive", AsIfFromServer(restored.status()));
  Print(*restored, context);
  Hint(context, fmt::format("retention leaves them alone for {}", CountOf(flags.options.hold_days, "day")));
  return kOk;
}

}  // namespace

void AddArchiveRestore(CLI::App& archive, Context& context) {
  auto flags = std::make_shared<RestoreFlags>();
  CLI::App* command = archive.add_subcommand("restore", "Bring archived events back into the store, as they were");
  flags->database.AddTo(*command);
  flags->archive.AddDirTo(*command);
  AddTime(*command, "--from", flags->from, "What was recorded from then on; without it, everything that is gone");
  AddTime(*command, "--to", flags->to, "What was recorded before then");
  AddList(*command, "--file", flags->options.files, "NAME", "This file of the archive, instead of --from and --to")
      ->excludes("--from")
      ->excludes("--to");
  AddNumber(*command, "--hold-days", flags->options.hold_days, 0, 36'500,
            "Retention leaves the events alone for so long" + Default(flags->options.hold_days));
  AddFooter(*command,
            std::string(kDatabaseHelp) +
                "Whole files come back, newest first, each in a transaction of its own; what is there already is left "
                "as it is. Aggregates keep their\n"
                "versions, events their positions. A restore that would leave a gap between what comes back and what "
                "is there is refused.\n" +
                kTimeHelp +
                "\n\nExamples:\n"
                "  eventctl archive restore --from 2026-08-01\n"
                "  eventctl archive restore --dir /srv/eventstore-archive --hold-days 90\n"
                "  eventctl archive restore --file events_v2-20260801T000000Z-20260802T000000Z.jsonl.zst");
  command->callback([flags, &context] { context.exit_code = RunRestore(*flags, context); });
}

}  // namespace eventstore::eventctl
