// eventctl backup verify: whether a backup can be restored, and whether what it holds keeps the promises of the store.
#include "tools/eventctl/commands/backup/backup.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "server/storage/verifier.h"
#include "spdlog/spdlog.h"
#include "tools/eventctl/backup/facts.h"
#include "tools/eventctl/backup/private_copy.h"
#include "tools/eventctl/input/database.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

using std::chrono::steady_clock;

struct BackupFlags {
  std::string dir;
  std::string wal;
  std::string dump;
  std::string work;
  std::string archive;
};

struct Outcome {
  std::string damage;  // why it cannot be restored; then nothing else is known
  storage::VerifyReport report;
  StoreFacts facts;
  std::vector<std::string> problems;  // found beside the verifier's violations
  std::int64_t seconds = 0;

  bool good() const { return damage.empty() && report.clean() && problems.empty(); }
};

// "1.2 GB of 3.4 GB, 210 MB/s, 0:10 left"
std::string Amount(std::int64_t done, std::int64_t total, std::chrono::duration<double> time) {
  constexpr double kMega = 1e6;
  const double rate = time.count() > 0 ? static_cast<double>(done) / time.count() : 0;
  std::string text = fmt::format("{:.0f} MB", static_cast<double>(done) / kMega);
  if (total > 0) text += fmt::format(" of {:.0f} MB", static_cast<double>(total) / kMega);
  text += fmt::format(", {:.0f} MB/s", rate / kMega);
  if (total > done && rate > 0) {
    const auto left = std::chrono::seconds(static_cast<std::int64_t>(static_cast<double>(total - done) / rate));
    text += fmt::format(", {} left", FormatDuration(left));
  }
  return text;
}

absl::StatusOr<std::unique_ptr<PrivateCopy>> Restore(const BackupFlags& flags, ProgressLine& line) {
  std::string step;
  auto began = steady_clock::now();
  const CopyProgress progress = [&](const std::string& now, std::int64_t done, std::int64_t total) {
    if (now != step) {
      step = now;
      began = steady_clock::now();
    }
    const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : -1;
    line.Show(share, done > 0 ? fmt::format("{}: {}", step, Amount(done, total, steady_clock::now() - began)) : step);
  };
  return flags.dump.empty() ? PrivateCopy::OfBaseBackup(flags.dir, flags.wal, flags.work, progress)
                            : PrivateCopy::OfDump(flags.dump, flags.work, progress);
}

void FindProblems(const BackupFlags& flags, Outcome& outcome) {
  for (const GroupPlace& group : outcome.facts.groups) {
    if (group.furthest <= outcome.facts.newest_position) continue;
    outcome.problems.push_back(fmt::format("consumer group {} is at position {}, beyond the newest event at {}",
                                           group.name, group.furthest, outcome.facts.newest_position));
  }
  if (flags.archive.empty()) return;
  for (const std::string& file : outcome.facts.archive_files) {
    if (std::filesystem::exists(flags.archive + "/" + file)) continue;
    outcome.problems.push_back(fmt::format("archive file {} is not in {}", file, flags.archive));
  }
}

absl::Status Examine(const BackupFlags& flags, const std::string& conninfo, ProgressLine& line, Outcome& outcome) {
  storage::Session session(conninfo, "backup");
  auto facts = ReadFacts(session);
  if (!facts.ok()) return facts.status();
  outcome.facts = *std::move(facts);
  const auto began = steady_clock::now();
  auto report = storage::Verifier(conninfo).Run({}, [&](const storage::VerifyProgress& now) {
    const double done = now.chunks_total > 0 ? static_cast<double>(now.chunks_done) / now.chunks_total : 0;
    const std::chrono::duration<double> time = steady_clock::now() - began;
    const double rate = time.count() > 0 ? static_cast<double>(now.events) / time.count() : 0;
    line.Show(done, fmt::format("{}: {}/{} chunks, {} events, {}/s", now.step, now.chunks_done, now.chunks_total,
                                WithThousands(now.events), WithThousands(static_cast<std::int64_t>(rate))));
  });
  if (!report.ok()) return report.status();
  outcome.report = *std::move(report);
  FindProblems(flags, outcome);
  return absl::OkStatus();
}

std::string OutcomeJson(const Outcome& outcome) {
  const auto text = [](const std::string& item) { return JsonString(item); };
  JsonObject json;
  json.Add("good", outcome.good()).AddOrNull("damage", outcome.damage).Add("seconds", outcome.seconds);
  if (!outcome.damage.empty()) return json.Text();
  const auto& [engine, store_id, migration, position, time, groups, files] = outcome.facts;
  return json.Add("engine", engine)
      .Add("store_id", store_id)
      .Add("migration", migration)
      .Add("events", outcome.report.events)
      .Add("aggregates", outcome.report.aggregates)
      .Add("chunks", outcome.report.chunks)
      .Add("newest_position", position)
      .AddOrNull("newest_time", time)
      .AddRaw("groups", JsonArray(groups,
                                  [](const GroupPlace& group) {
                                    return JsonObject()
                                        .Add("name", group.name)
                                        .Add("buckets", group.buckets)
                                        .Add("slowest_position", group.slowest)
                                        .Add("furthest_position", group.furthest)
                                        .Add("parked_events", group.parked)
                                        .Text();
                                  }))
      .AddRaw("archive_files", JsonArray(files, text))
      .AddRaw("problems", JsonArray(outcome.problems, text))
      .AddRaw("violations", JsonArray(outcome.report.violations,
                                      [](const storage::Violation& violation) {
                                        return JsonObject()
                                            .Add("rule", violation.rule)
                                            .AddOrNull("aggregate_id", violation.aggregate_id)
                                            .Add("detail", violation.detail)
                                            .Text();
                                      }))
      .Add("more_violations", outcome.report.more_violations)
      .Text();
}

void Print(const BackupFlags& flags, const Outcome& outcome, Context& context) {
  if (!outcome.damage.empty()) {
    context.out << fmt::format("{}: {}\n", context.out_style().Red("DAMAGED"), Printable(outcome.damage));
    return;
  }
  const StoreFacts& facts = outcome.facts;
  Table table(context.out, context.out_terminal, {{.heading = "WHAT"}, {.heading = "VALUE"}});
  table.Row({"engine", facts.engine});
  table.Row({"store", facts.store_id});
  table.Row({"last migration", std::to_string(facts.migration)});
  table.Row({"events", WithThousands(outcome.report.events)});
  table.Row({"aggregates", WithThousands(outcome.report.aggregates)});
  table.Row({"newest position", std::to_string(facts.newest_position)});
  table.Row({"newest event", facts.newest_time.empty() ? "-" : facts.newest_time});
  for (const GroupPlace& group : facts.groups) {
    table.Row({"group " + Printable(group.name), fmt::format("at {}, {} parked", group.slowest, group.parked)});
  }
  table.Row({"archive files", fmt::format("{}{}", facts.archive_files.size(),
                                          facts.archive_files.empty() || !flags.archive.empty()
                                              ? ""
                                              : ", not looked for: name their folder with --archive")});
  for (const auto& violation : outcome.report.violations) {
    table.Row({violation.rule, violation.aggregate_id + " " + violation.detail});
  }
  for (const std::string& problem : outcome.problems) table.Row({"problem", Printable(problem)});
  table.Flush();
  context.out << fmt::format("{} in {}\n",
                             outcome.good() ? context.out_style().Green("good") : context.out_style().Red("VIOLATED"),
                             FormatDuration(std::chrono::seconds(outcome.seconds)));
}

ExitCode RunVerify(const BackupFlags& flags, Context& context) {
  if (flags.dir.empty() == flags.dump.empty()) return ReportUsage(context, "name one backup: --dir or --dump");
  if (!flags.wal.empty() && flags.dir.empty()) return ReportUsage(context, "--wal goes with --dir");
  // What the private PostgreSQL logs is for the log of a server.
  spdlog::set_level(spdlog::level::off);
  const auto began = steady_clock::now();
  ProgressLine line(context.err, context.err_terminal, !context.json);
  Outcome outcome;
  auto copy = Restore(flags, line);
  absl::Status tried = copy.status();
  if (tried.ok()) tried = Examine(flags, (*copy)->conninfo(), line, outcome);
  line.End();
  if (absl::IsDataLoss(tried)) {
    outcome.damage = std::string(tried.message());
  } else if (!tried.ok()) {
    return ReportError(context, "verify the backup", AsIfFromServer(tried));
  }
  outcome.seconds = std::chrono::duration_cast<std::chrono::seconds>(steady_clock::now() - began).count();
  if (context.json) {
    context.out << OutcomeJson(outcome) << '\n';
  } else {
    Print(flags, outcome, context);
  }
  return outcome.good() ? kOk : kNegative;
}

}  // namespace

void AddBackup(CLI::App& app, Context& context) {
  CLI::App* backup = app.add_subcommand("backup", "Whether a backup can be restored: verify");
  backup->require_subcommand(1, 1);
  auto flags = std::make_shared<BackupFlags>();
  CLI::App* command = backup->add_subcommand("verify", "Restore a backup into a PostgreSQL of its own and check it");
  AddFlag(*command, "--dir", flags->dir, "DIR", "What pg_basebackup wrote");
  AddFlag(*command, "--wal", flags->wal, "DIR", "The archive of WAL since; recovered to its end");
  AddFlag(*command, "--dump", flags->dump, "FILE", "What pg_dump -Fc wrote");
  AddFlag(*command, "--work-dir", flags->work, "DIR",
          "Where the copy is made, with room for it (default: TMPDIR or /tmp)");
  AddFlag(*command, "--archive", flags->archive, "DIR",
          "Where retention's archive files are; looks whether all are there");
  AddFooter(
      *command,
      "The backup is only read. Of a base backup every file is checked against its manifest first; its database is "
      "called eventstore and has a role eventstore. Exit code 1: it is damaged or violates a rule; 5: it could not be "
      "tried.\n"
      "\nExamples:\n"
      "  eventctl backup verify --dump events.dump\n"
      "  eventctl backup verify --dir base --wal wal --work-dir /srv/scratch\n"
      "  eventctl backup verify --dir base --json | jq '{good, events, newest_time}'");
  command->callback([flags, &context] { context.exit_code = RunVerify(*flags, context); });
}

}  // namespace eventstore::eventctl
