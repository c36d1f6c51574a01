// eventctl erase: destroys the key of a subject, lists what was erased, and makes it again after a restore.
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eventstore/v1/erasure.grpc.pb.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/confirm.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"
#include "tools/eventctl/service_calls.h"

namespace eventstore::eventctl {
namespace {

struct EraseFlags {
  std::string subject;
  std::string reason;
  std::string replay;
  bool dry_run = false;
  bool yes = false;
};

using ErasureCalls = ServiceCalls<v1::Erasure>;

// One line of `eventctl --json erase list`, which --replay reads.
std::string ErasureJson(const v1::ErasedSubject& erasure) {
  return JsonObject()
      .Add("number", erasure.number())
      .Add("subject", erasure.subject())
      .AddOrNull("key_id", erasure.key_id())
      .Add("erased_at", FormatTime(erasure.erased_at()))
      .AddOrNull("erased_by", erasure.erased_by())
      .Add("reason", erasure.reason())
      .Text();
}

ExitCode RunErase(const EraseFlags& flags, Context& context) {
  if (!flags.dry_run && flags.reason.empty()) return ReportUsage(context, "say why with --reason; it is kept");
  v1::EraseSubjectRequest request;
  request.set_subject(flags.subject);
  request.set_reason(flags.reason);
  request.set_dry_run(flags.dry_run);
  if (!flags.dry_run &&
      !Confirm(context,
               fmt::format("The encrypted fields of {} will be unreadable for ever, in every event.", flags.subject),
               flags.yes)) {
    return context.exit_code;
  }
  const auto answer = ErasureCalls(context).Call(&v1::Erasure::Stub::EraseSubject, request);
  if (!answer.ok()) return ReportError(context, "erase " + flags.subject, answer.status());
  if (context.json) {
    context.out << JsonObject()
                       .Add("subject", flags.subject)
                       .Add("dry_run", flags.dry_run)
                       .Add("was_erased", answer->was_erased())
                       .Add("had_key", answer->had_key())
                       .AddOrNull("key_created_at", answer->had_key() ? FormatTime(answer->key_created_at()) : "")
                       .AddRaw("erasure", answer->has_erasure() ? ErasureJson(answer->erasure()) : "null")
                       .Text()
                << '\n';
    return kOk;
  }
  if (answer->was_erased()) {
    context.out << fmt::format("{} was erased before, at {}\n", flags.subject,
                               FormatTimeShort(answer->erasure().erased_at()));
  } else if (flags.dry_run) {
    context.out << (answer->had_key()
                        ? fmt::format("{} has a key, made {}; nothing was changed\n", flags.subject,
                                      FormatTimeShort(answer->key_created_at()))
                        : fmt::format("{} has no key: no field was encrypted for it; nothing was changed\n",
                                      flags.subject));
  } else {
    context.out << fmt::format("{} is erased{}\n", flags.subject,
                               answer->had_key() ? "" : "; there was no key, and there will be none");
    Hint(context,
         "keep `eventctl --json erase list` outside of the database: a restored backup needs it "
         "(docs/erasure.md)");
  }
  return kOk;
}

absl::StatusOr<std::vector<v1::EraseSubjectRequest>> ReadReplay(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return absl::InvalidArgumentError(path + " cannot be read");
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<v1::EraseSubjectRequest> requests;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto object = nlohmann::json::parse(line, nullptr, false);
    const auto text = [&](const char* name) {
      const bool there = object.is_object() && object.contains(name) && object[name].is_string();
      return there ? object[name].get<std::string>() : std::string();
    };
    v1::EraseSubjectRequest request;
    request.set_subject(text("subject"));
    request.set_reason(text("reason"));
    request.set_no_wait(true);
    if (request.subject().empty()) {
      return absl::InvalidArgumentError(fmt::format(
          "{}, line {}: this is no line of `eventctl --json erase list`; nothing was erased", path, number));
    }
    requests.push_back(std::move(request));
  }
  if (in.bad()) return absl::InvalidArgumentError(path + " cannot be read to its end; nothing was erased");
  return requests;
}

ExitCode RunReplay(const EraseFlags& flags, Context& context) {
  auto requests = ReadReplay(flags.replay);
  if (!requests.ok()) return ReportUsage(context, std::string(requests.status().message()));
  if (!flags.dry_run &&
      !Confirm(context, fmt::format("{} subjects will be erased for ever.", requests->size()), flags.yes)) {
    return context.exit_code;
  }
  const ErasureCalls calls(context);
  std::int64_t erased = 0;
  std::int64_t before = 0;
  for (std::size_t i = 0; i < requests->size(); ++i) {
    v1::EraseSubjectRequest& request = (*requests)[i];
    request.set_dry_run(flags.dry_run);
    // The last one waits for the other servers, for all.
    request.set_no_wait(i + 1 < requests->size());
    const auto answer = calls.Call(&v1::Erasure::Stub::EraseSubject, request);
    if (!answer.ok()) {
      Hint(context, fmt::format("{} of {} are erased; the same command goes on", i, requests->size()));
      return ReportError(context, "erase " + request.subject(), answer.status());
    }
    ++(answer->was_erased() ? before : erased);
  }
  if (context.json) {
    context.out << JsonObject().Add("erased", erased).Add("were_erased", before).Add("dry_run", flags.dry_run).Text()
                << '\n';
  } else {
    context.out << fmt::format("{} {}, {} were erased before\n", erased,
                               flags.dry_run ? "to be erased" : "erased again", before);
  }
  return kOk;
}

ExitCode RunList(Context& context) {
  const ErasureCalls calls(context);
  Table table(context.out, context.out_terminal,
              {{"NUMBER", true}, {"SUBJECT", false, 40}, {"ERASED AT"}, {"BY", false, 30}, {"REASON"}});
  v1::ListErasuresRequest request;
  request.set_page_size(1'000);
  for (;;) {
    const auto answer = calls.Call(&v1::Erasure::Stub::ListErasures, request);
    if (!answer.ok()) return ReportError(context, "list erasures", answer.status());
    for (const auto& erasure : answer->erasures()) {
      request.set_after_number(erasure.number());
      if (context.json) {
        context.out << ErasureJson(erasure) << '\n';
      } else {
        table.Row({std::to_string(erasure.number()), erasure.subject(), FormatTimeShort(erasure.erased_at()),
                   erasure.erased_by(), erasure.reason()});
      }
    }
    if (answer->more()) continue;
    table.Flush();
    Hint(context, fmt::format("{} erased; {} subjects have a key", request.after_number(), answer->living_keys()));
    return kOk;
  }
}

}  // namespace

void AddErase(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "erase", "Make the encrypted fields of a subject unreadable, for ever, by destroying its key; or list what was");
  const auto flags = std::make_shared<EraseFlags>();
  command->require_subcommand(0, 1);
  command->add_option("SUBJECT,--subject", flags->subject, "Whom: as events name it, as a rule their user_id");
  AddFlag(*command, "--reason", flags->reason, "TEXT", "Why; kept with the erasure, so it should name nobody");
  AddFlag(*command, "--replay", flags->replay, "FILE",
          "Erase whatever was erased by this output of `eventctl --json erase list` (- for standard input): after a "
          "backup was restored that is older");
  command->add_flag("--dry-run", flags->dry_run, "Say what there is to erase, and change nothing");
  command->add_flag("--yes", flags->yes, "Do not ask");
  AddFooter(
      *command,
      "Servers that were started with --erasure-master-key-file can do this (docs/erasure.md). It takes effect on "
      "all of them before it is answered, which takes about 3 seconds.\n\n"
      "Examples:\n"
      "  eventctl erase ada --dry-run\n"
      "  eventctl erase ada --reason 'request 4711'\n"
      "  eventctl erase list\n"
      "  eventctl --json erase list > erasures.jsonl      # keep it apart from the backups\n"
      "  eventctl erase --replay erasures.jsonl --yes      # after a restore, before anybody reads\n"
      "  eventctl erase --subject list --reason 'request 4712'");
  CLI::App* list = command->add_subcommand("list", "What was erased: number, subject, when, by whom and why");
  AddFooter(*list, "Examples:\n  eventctl erase list\n  eventctl --json erase list > erasures.jsonl");
  list->callback([&context] { context.exit_code = RunList(context); });
  command->callback([command, flags, &context] {
    if (!command->get_subcommands().empty()) return;
    if (flags->subject.empty() == flags->replay.empty()) {
      context.exit_code = ReportUsage(context, "name a subject, or give --replay FILE; or say `eventctl erase list`");
      return;
    }
    context.exit_code = flags->replay.empty() ? RunErase(*flags, context) : RunReplay(*flags, context);
  });
}

}  // namespace eventstore::eventctl
