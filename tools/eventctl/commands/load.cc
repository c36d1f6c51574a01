// eventctl load: JSON lines into the store.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/input/token.h"
#include "tools/eventctl/load/checkpoint.h"
#include "tools/eventctl/load/loader.h"
#include "tools/eventctl/output/bars.h"
#include "tools/eventctl/output/json_object.h"
#include "tools/eventctl/output/progress_line.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kSaveEvery{1};

struct LoadFlags {
  std::string file;
  std::string state;
  std::uint64_t total_lines = 0;
  LoaderOptions options;
};

// A load may be left alone for hours: it waits two minutes for a server that restarts.
client::EventStoreClient MakePatientClient(const Context& context) {
  client::Options options;
  options.target = context.server;
  options.credentials = context.Credentials();
  options.token = TokenFrom(context.token_file);
  options.call_timeout = std::chrono::minutes(2);
  options.retry.max_attempts = 1'000;
  options.retry.max_backoff = std::chrono::seconds(2);
  return client::EventStoreClient(options);
}

// The position of the newest event, 0 in an empty store. With few retries: it also tells whether there is a server.
absl::StatusOr<std::int64_t> NewestPosition(const Context& context) {
  v1::ReadAllRequest request;
  request.set_direction(v1::DIRECTION_BACKWARD);
  request.set_max_events(1);
  const client::EventStoreClient store = MakeClient(context);
  auto newest = store.ReadAll(request, CallOptionsOf(context)).Next();
  if (!newest) return 0;
  if (!newest->ok()) return newest->status();
  return (*newest)->global_position();
}

class LoadCommand {
 public:
  LoadCommand(LoadFlags flags, Context& context)
      : flags_(std::move(flags)), context_(context), progress_(context.err, context.err_terminal, !context.json) {}

  ExitCode Run() {
    // Before the clients, whose threads are to inherit that signals are blocked.
    Interrupt interrupt;
    auto reader = LineReader::Open(flags_.file);
    if (!reader.ok()) return ReportError(context_, "load", reader.status());
    if (absl::Status status = Resume(*reader); !status.ok())
      return ReportError(context_, "go on with the load", status);
    const auto newest = NewestPosition(context_);
    if (!newest.ok()) return ReportError(context_, "load " + flags_.file, newest.status());

    flags_.options.old_position = *newest;
    flags_.options.call = CallOptionsOf(context_);
    total_bytes_ = reader->total_bytes();
    start_ = reader->place();
    began_ = Clock::now();
    const client::EventStoreClient store = MakePatientClient(context_);
    Loader loader(store, flags_.options, [this](const std::string& text) {
      progress_.End();
      context_.err << context_.err_style().Yellow("passed over") << ": " << text << '\n';
    });
    absl::Status status =
        loader.Run(*reader, [&] { return interrupt.requested(); }, [this](const LoadProgress& now) { Tick(now); });
    progress_.End();
    const LoadProgress end = loader.Progress();
    status.Update(Save(end.reached));
    return Summarise(end, status, interrupt.requested());
  }

 private:
  absl::Status Resume(LineReader& reader) {
    if (flags_.state.empty()) return absl::OkStatus();
    state_.emplace(flags_.state, flags_.file, reader.fingerprint());
    const auto loaded = state_->Load();
    if (!loaded.ok()) return loaded.status();
    const std::optional<Place>& place = *loaded;
    if (!place) return absl::OkStatus();
    Hint(context_, fmt::format("going on after line {}, as {} says",
                               WithThousands(static_cast<std::int64_t>(place->lines)), flags_.state));
    return reader.SkipTo(*place);
  }

  absl::Status Save(const Place& place) { return state_ ? state_->Save(place) : absl::OkStatus(); }

  void Tick(const LoadProgress& now) {
    if (state_ && Clock::now() >= next_save_) {
      next_save_ = Clock::now() + kSaveEvery;
      // A disk that is full for a moment is no reason to stop; the last save tells.
      Save(now.reached).IgnoreError();
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    const auto done = static_cast<std::int64_t>(now.counts.stored + now.counts.present);
    const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    double share = -1;
    if (total_bytes_ > 0) {
      share = static_cast<double>(now.reached.bytes) / static_cast<double>(total_bytes_);
    } else if (flags_.total_lines > 0) {
      share = static_cast<double>(now.reached.lines) / static_cast<double>(flags_.total_lines);
    }
    std::string text =
        fmt::format("{} events, {}/s", WithThousands(done), WithThousands(static_cast<std::int64_t>(rate)));
    if (const double first = FirstShare(); share > first && share <= 1) {
      const double left = seconds * (1 - share) / (share - first);
      text += ", " + FormatDuration(std::chrono::seconds(static_cast<std::int64_t>(left))) + " left";
    }
    progress_.Show(share, text);
  }

  // Where this run began.
  double FirstShare() const {
    if (total_bytes_ > 0) return static_cast<double>(start_.bytes) / static_cast<double>(total_bytes_);
    return flags_.total_lines > 0 ? static_cast<double>(start_.lines) / static_cast<double>(flags_.total_lines) : 0;
  }

  ExitCode Summarise(const LoadProgress& end, const absl::Status& status, bool interrupted) {
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    const auto counts = end.counts;
    const double rate = static_cast<double>(counts.stored + counts.present) / std::max(seconds, 1e-6);
    if (context_.json) {
      context_.out << JsonObject()
                          .Add("stored", counts.stored)
                          .Add("already_there", counts.present)
                          .Add("refused", counts.refused)
                          .Add("without_id", end.without_id)
                          .Add("lines", end.reached.lines)
                          .AddRaw("seconds", fmt::format("{:.3f}", seconds))
                          .AddRaw("events_per_second", fmt::format("{:.1f}", rate))
                          .Add("complete", status.ok() && !interrupted)
                          .Text()
                   << '\n';
    } else {
      const auto number = [](std::uint64_t value) { return WithThousands(static_cast<std::int64_t>(value)); };
      context_.out << fmt::format("{} stored, {} already there, {} refused, in {:.1f} s ({}/s)\n",
                                  number(counts.stored), number(counts.present), number(counts.refused), seconds,
                                  WithThousands(static_cast<std::int64_t>(rate)));
    }
    if (end.without_id > 0) {
      Hint(context_, fmt::format("{} lines had no id: loading them again would store them again", end.without_id));
    }
    if (!status.ok()) {
      const ExitCode code = ReportError(context_, "load all of " + flags_.file, status);
      Hint(context_, "  what was stored stays; repeat the command to go on, lines stored already are passed over");
      return code;
    }
    if (interrupted) {
      Hint(context_, "interrupted; repeat the command to go on");
      return kInterrupted;
    }
    return counts.refused > 0 ? kNegative : kOk;
  }

  LoadFlags flags_;
  Context& context_;
  ProgressLine progress_;
  std::optional<StateFile> state_;
  std::uint64_t total_bytes_ = 0;
  Place start_;
  Clock::time_point began_;
  Clock::time_point next_save_;
};

}  // namespace

void AddLoad(CLI::App& app, Context& context) {
  auto flags = std::make_shared<LoadFlags>();
  LoaderOptions& options = flags->options;
  options.defaults.source = "migration";
  CLI::App* command = app.add_subcommand("load", "Load events from JSON lines; repeating it stores nothing twice");
  AddFlag(*command, "FILE", flags->file, "FILE", "One JSON object a line; - is standard input")->required();
  AddFlag(*command, "--state", flags->state, "FILE", "Keep in this file how far it is, and go on from there");
  AddNumber(*command, "--in-flight", options.workers, 1, 64,
            "Requests at the same time" + Default(options.workers) +
                "; 1 keeps the order of the input over all aggregates, not only within each");
  AddNumber(*command, "--batch", options.batch_events, 1, 1'000, "Events a request" + Default(options.batch_events));
  AddFlag(*command, "--source", options.defaults.source, "SOURCE",
          "Of events whose line has none" + Default(options.defaults.source));
  AddFlag(*command, "--type", options.defaults.aggregate_type, "TYPE",
          "Of aggregates whose line has no aggregate_type" + Default(options.defaults.aggregate_type));
  AddNumber(*command, "--total", flags->total_lines, 1, std::numeric_limits<std::int64_t>::max(),
            "How many lines standard input will have, for the progress bar");
  command->add_flag("--skip-bad", flags->options.skip_bad,
                    "Pass over lines that cannot be stored, and say so; exit code 1");
  AddFooter(
      *command,
      "Fields of a line, null as good as missing:\n"
      "  id              UUID; lines with ids can be loaded again and again, without one each time is a new event\n"
      "  aggregate_id    UUID; missing: entityId inside data\n"
      "  aggregate_type  missing: --type\n"
      "  event_type      or type\n"
      "  timestamp       when it happened; kept as metadata.occurred_at, the store stamps its own time\n"
      "  user_id correlation_id causation_id source\n"
      "  data metadata   objects, stored as they are\n"
      "Other fields are not looked at, so what --json prints can be loaded again. Within an aggregate the order of "
      "the\n"
      "lines is the order of the versions. A line whose id its aggregate has already is passed over.\n"
      "\n"
      "Examples:\n"
      "  eventctl load history.jsonl\n"
      "  xzcat history.jsonl.xz | eventctl load - --total 57451\n"
      "  eventctl load huge.jsonl --state huge.state --in-flight 8\n"
      "  eventctl tail --all --from-beginning --no-follow --json | eventctl load - --server other:50051");
  command->callback([flags, &context] { context.exit_code = LoadCommand(*flags, context).Run(); });
}

}  // namespace eventstore::eventctl
