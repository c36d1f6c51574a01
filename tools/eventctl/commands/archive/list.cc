// eventctl archive list and verify: the same table, from the manifests or from every byte.
#include <fmt/format.h>

#include <memory>

#include "server/housekeeping/tasks/chunk_archiver.h"
#include "tools/eventctl/commands/archive/archive.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using archive::Entry;
using housekeeping::DayText;

std::string EntryJson(const Entry& entry) {
  const auto& [file, whole, manifest] = entry;
  JsonObject json;
  json.Add("file", file).Add("ok", whole.ok()).AddOrNull("error", std::string(whole.message()));
  if (manifest.file.empty()) return json.Text();
  return json.Add("from", DayText(manifest.header.range.from))
      .Add("to", DayText(manifest.header.range.to))
      .Add("store_id", manifest.header.store_id)
      .Add("events", manifest.footer.events)
      .Add("min_position", manifest.footer.least)
      .Add("max_position", manifest.footer.greatest)
      .Add("bytes", manifest.bytes)
      .Add("sha256", manifest.footer.sha256)
      .Text();
}

void PrintTable(const std::vector<Entry>& entries, bool verified, Context& context) {
  Table table(context.out, context.out_terminal,
              {{.heading = "FROM"},
               {.heading = "TO"},
               {.heading = "EVENTS", .right = true},
               {.heading = "BYTES", .right = true},
               {.heading = "STATE"},
               {.heading = "FILE"}});
  for (const Entry& entry : entries) {
    const bool known = !entry.manifest.file.empty();
    table.Row(
        {known ? DayText(entry.manifest.header.range.from) : "-", known ? DayText(entry.manifest.header.range.to) : "-",
         known ? WithThousands(entry.manifest.footer.events) : "-", known ? WithThousands(entry.manifest.bytes) : "-",
         !entry.whole.ok() ? "DAMAGED"
         : verified        ? "whole"
                           : "listed",
         entry.file});
  }
  table.Flush();
}

ExitCode Show(const std::vector<Entry>& entries, bool verified, Context& context) {
  std::int64_t damaged = 0;
  std::int64_t events = 0;
  std::int64_t bytes = 0;
  for (const Entry& entry : entries) {
    if (!entry.whole.ok()) ++damaged;
    if (!entry.whole.ok()) continue;
    events += entry.manifest.footer.events;
    bytes += entry.manifest.bytes;
  }
  if (context.json) {
    context.out << JsonObject()
                       .Add("ok", damaged == 0)
                       .Add("verified", verified)
                       .Add("events", events)
                       .Add("bytes", bytes)
                       .Add("damaged", damaged)
                       .AddRaw("files", JsonArray(entries, EntryJson))
                       .Text()
                << '\n';
    return damaged == 0 ? kOk : kNegative;
  }
  PrintTable(entries, verified, context);
  for (const Entry& entry : entries) {
    if (!entry.whole.ok()) Hint(context, std::string(entry.whole.message()));
  }
  const std::string count = CountOf(static_cast<std::int64_t>(entries.size()), "file");
  context.out << fmt::format("{}, {} in {} bytes{}\n", count, CountOf(events, "event"), WithThousands(bytes),
                             damaged == 0 ? "" : fmt::format(", {} DAMAGED", damaged));
  return damaged == 0 ? kOk : kNegative;
}

ExitCode RunList(const ArchiveFlags& flags, bool verify, Context& context) {
  const auto folder = FindArchive(flags);
  if (!folder.ok()) return ReportError(context, "find the archive", AsIfFromServer(folder.status()));
  auto entries = folder->List();
  if (!entries.ok()) return ReportError(context, "list the archive", AsIfFromServer(entries.status()));
  if (!verify) return Show(*entries, false, context);
  ProgressLine progress(context.err, context.err_terminal, !context.json);
  std::size_t done = 0;
  for (Entry& entry : *entries) {
    progress.Show(static_cast<double>(done++) / static_cast<double>(entries->size()), "reading " + entry.file);
    auto whole = folder->Verify(entry.file, nullptr);
    entry.whole = whole.status();
  }
  progress.End();
  return Show(*entries, true, context);
}

void AddListLike(CLI::App& archive, const char* name, const char* help, const char* footer, bool verify,
                 Context& context) {
  auto flags = std::make_shared<ArchiveFlags>();
  CLI::App* command = archive.add_subcommand(name, help);
  flags->AddDirTo(*command);
  command->add_option("--data-dir", flags->data_dir, "Data folder whose archive it is")->option_text("DIR");
  AddFooter(*command, footer);
  command->callback([flags, verify, &context] { context.exit_code = RunList(*flags, verify, context); });
}

}  // namespace

void AddArchiveList(CLI::App& archive, Context& context) {
  AddListLike(archive, "list", "The archive files, from their manifests",
              "Opens no file. Exit code 1: a file does not have the size that its manifest names, or no manifest.\n"
              "\nExamples:\n"
              "  eventctl archive list\n"
              "  eventctl archive list --dir /srv/eventstore-archive --json | jq .events",
              false, context);
}

void AddArchiveVerify(CLI::App& archive, Context& context) {
  AddListLike(archive, "verify", "Read every archive file to its end and check every checksum",
              "Needs no database. Exit code 1: a file is damaged.\n"
              "\nExamples:\n"
              "  eventctl archive verify\n"
              "  eventctl archive verify --dir /srv/eventstore-archive --json | jq '.files[] | select(.ok | not)'",
              true, context);
}

}  // namespace eventstore::eventctl
