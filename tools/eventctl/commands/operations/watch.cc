// eventctl ops watch: what happens with operational records, as it happens.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/eventctl/commands/operations/operations.h"
#include "tools/eventctl/commands/operations/operations_call.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/input/parse_time.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/record_text.h"
#include "tools/eventctl/output/report_error.h"
#include "tools/eventctl/output/table.h"

namespace eventstore::eventctl {
namespace {

struct WatchFlags {
  std::vector<std::string> kinds;
  std::vector<std::string> refs;
  std::vector<std::string> statuses;
  std::string token;
  int max = 0;
};

v1::WatchRequest RequestOf(const WatchFlags& flags) {
  v1::WatchRequest request;
  for (const auto& kind : flags.kinds) {
    request.add_kinds(StatusNamed<v1::RecordKind>(v1::RecordKind_descriptor(), "RECORD_KIND_", kind));
  }
  for (const auto& ref : flags.refs) request.add_refs(ref);
  for (const auto& status : flags.statuses) request.add_statuses(status);
  return request;
}

class Watcher {
 public:
  Watcher(const WatchFlags& flags, Context& context, Interrupt& interrupt)
      : flags_(flags),
        context_(context),
        interrupt_(interrupt),
        calls_(context),
        request_(RequestOf(flags)),
        table_(context.out, context.out_terminal,
               {{.heading = "TIME (UTC)"},
                {.heading = "KIND"},
                {.heading = "REF", .max_width = 40},
                {.heading = "STATUS"},
                {.heading = "ID"}}) {
    request_.set_resume_token(flags.token);
  }

  // Until Ctrl-C, --max, or an error that waiting does not help.
  absl::Status Run() {
    for (;;) {
      const absl::Status ended = Once();
      if (interrupt_.requested() || (flags_.max > 0 && shown_ >= flags_.max)) return absl::OkStatus();
      // Without a place there is nothing to go on from: what happens meanwhile would be missed without a word.
      if (!absl::IsUnavailable(ended) || request_.resume_token().empty()) return ended;
      if (!std::exchange(away_, true)) Hint(context_, "the server is away; waiting for it");
      if (interrupt_.WaitFor(std::chrono::milliseconds{500})) return absl::OkStatus();
    }
  }

  int shown() const { return shown_; }
  const std::string& token() const { return request_.resume_token(); }

 private:
  absl::Status Once() {
    grpc::ClientContext call;
    interrupt_.SetAction([&call] { call.TryCancel(); });
    const auto stream = calls_.stub().Watch(&call, request_);
    v1::WatchResponse message;
    while (stream->Read(&message)) {
      away_ = false;
      for (const auto& change : message.changes()) {
        if (flags_.max > 0 && shown_ == flags_.max) break;
        Print(change);
      }
      table_.Flush();
      context_.out << std::flush;
      request_.set_resume_token(message.resume_token());
      if (flags_.max > 0 && shown_ >= flags_.max) {
        call.TryCancel();
        break;
      }
    }
    const absl::Status ended = client::internal::FromGrpc(stream->Finish());
    interrupt_.SetAction(nullptr);
    return ended;
  }

  void Print(const v1::RecordChange& change) {
    ++shown_;
    if (context_.json) {
      context_.out << ChangeJson(change) << '\n';
      return;
    }
    const std::string status =
        change.previous_status().empty() || change.status().empty()
            ? (change.status().empty() ? (change.previous_status().empty() ? "-" : "forgotten") : change.status())
            : change.previous_status() + " > " + change.status();
    table_.Row({FormatTimeShort(change.time()), KindName(change.kind()), Printable(change.ref()), status, change.id()});
  }

  const WatchFlags& flags_;
  Context& context_;
  Interrupt& interrupt_;
  const OperationsCalls calls_;
  v1::WatchRequest request_;
  Table table_;
  int shown_ = 0;
  bool away_ = false;
};

ExitCode RunWatch(const WatchFlags& flags, Context& context) {
  // Before the channel, whose threads are to inherit that signals are blocked.
  Interrupt interrupt;
  Watcher watcher(flags, context, interrupt);
  const absl::Status ended = watcher.Run();
  if (!ended.ok()) return ReportError(context, "watch operational records", ended);
  Hint(context, fmt::format("{}; go on with --after {}", CountOf(watcher.shown(), "change"), watcher.token()));
  return kOk;
}

}  // namespace

void AddOpsWatch(CLI::App& ops, Context& context) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* command = ops.add_subcommand("watch", "Show what is made and what changes its status, from now on");
  AddList(*command, "--kind", flags->kinds, "KIND", "event, enforcement, execution or worker")
      ->check(CLI::IsMember({"event", "enforcement", "execution", "worker"}));
  AddList(*command, "--ref", flags->refs, "REF", "Only of this trigger, rule, action or name of a worker");
  AddList(*command, "--status", flags->statuses, "STATUS", "Only what comes to this status");
  AddFlag(*command, "--after", flags->token, "TOKEN", "Go on from where an earlier one ended");
  AddNumber(*command, "--max", flags->max, 1, kMaxInt, "End after so many changes");
  AddFooter(*command,
            "Waits for a server that goes away, and goes on where it was.\n\n"
            "Examples:\n"
            "  eventctl ops watch\n"
            "  eventctl ops watch --kind execution --status failed --status timeout --json | jq -r .ref");
  command->callback([flags, &context] { context.exit_code = RunWatch(*flags, context); });
}

}  // namespace eventstore::eventctl
