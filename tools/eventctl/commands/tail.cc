// eventctl tail: the newest events, or all from some place on; and then, if asked to, every new one as it comes.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <ranges>
#include <utility>

#include "eventstore/subscriber.h"
#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/filter_flags.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/input/start_flag.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

constexpr int kMaxLast = 10'000;
constexpr int kDefaultLast = 10;
// Who only wants to see what is there waits for a server that went away in the middle for about five seconds.
constexpr int kTriesWithoutFollow = 10;

struct TailFlags {
  std::string aggregate_id;
  FilterFlags filter;
  std::string from;
  std::optional<int> last;
  bool follow = false;
};

std::vector<EventColumn> ColumnsFor(const TailFlags& flags) {
  if (!flags.aggregate_id.empty()) {
    return {EventColumn::kPosition,  EventColumn::kVersion, EventColumn::kTime,
            EventColumn::kEventType, EventColumn::kUser,    EventColumn::kData};
  }
  return {EventColumn::kPosition,  EventColumn::kTime, EventColumn::kAggregate, EventColumn::kVersion,
          EventColumn::kEventType, EventColumn::kUser, EventColumn::kData};
}

class Tail {
 public:
  Tail(const TailFlags& flags, Context& context, Interrupt& interrupt)
      : flags_(flags), context_(context), interrupt_(interrupt), printer_(context, ColumnsFor(flags)) {
    request_.set_aggregate_id(flags.aggregate_id);
    *request_.mutable_filter() = flags.filter.ToProto();
  }

  ExitCode Run() {
    // Also tells at once when no server is there, which a subscription would wait for.
    auto newest = Newest();
    if (!newest.ok()) return End(newest.status());
    if (!flags_.from.empty()) {
      SetStart(flags_.from, request_);
    } else if (absl::Status status = ShowLast(*newest); !status.ok()) {
      return End(status);
    }
    return End(interrupt_.requested() ? absl::OkStatus() : Follow());
  }

 private:
  // The position of the newest event, wanted or not, below which none can appear any more; 0: there is none.
  absl::StatusOr<std::int64_t> Newest() {
    v1::ReadAllRequest request;
    request.set_direction(v1::DIRECTION_BACKWARD);
    request.set_max_events(1);
    std::int64_t position = 0;
    const absl::Status status = Read(store_.ReadAll(request, CallOptionsOf(context_)),
                                     [&](const v1::RecordedEvent& event) { position = event.global_position(); });
    if (!status.ok()) return status;
    return position;
  }

  // Prints the last so many of those wanted; what follows them is then what the request asks for.
  absl::Status ShowLast(std::int64_t newest) {
    const int count = flags_.last.value_or(kDefaultLast);
    std::deque<v1::RecordedEvent> newest_first;
    absl::Status status;
    const auto take = [&](v1::RecordedEvent& event) { newest_first.push_back(std::move(event)); };
    if (count > 0 && flags_.aggregate_id.empty()) {
      v1::ReadAllRequest request;
      *request.mutable_filter() = request_.filter();
      request.set_direction(v1::DIRECTION_BACKWARD);
      request.set_max_events(count);
      status = Read(store_.ReadAll(request, CallOptionsOf(context_)), take);
    } else if (count > 0 && flags_.filter.empty()) {
      v1::GetAggregateStreamRequest request;
      request.set_aggregate_id(flags_.aggregate_id);
      request.set_direction(v1::DIRECTION_BACKWARD);
      request.set_max_events(count);
      status = Read(store_.ReadAggregate(request, CallOptionsOf(context_)), take);
    } else if (count > 0) {
      // Nothing reads one aggregate backward by a filter: the last ones are known when all have been seen.
      keep_ = static_cast<std::size_t>(count);
      request_.mutable_from_beginning();
      return status;
    }
    if (!status.ok()) return status;
    if (!newest_first.empty()) newest = std::max(newest, newest_first.front().global_position());
    if (newest > 0) {
      request_.set_from_position(newest);
    } else {
      request_.mutable_from_beginning();
    }
    for (const auto& event : std::views::reverse(newest_first)) printer_.Print(event);
    printer_.Flush();
    return status;
  }

  template <typename Take>
  absl::Status Read(client::EventReader reader, Take take) {
    interrupt_.SetAction([&] { reader.Cancel(); });
    absl::Status status;
    while (auto event = reader.Next()) {
      if (!event->ok()) {
        status = event->status();
        break;
      }
      take(**event);
    }
    interrupt_.SetAction(nullptr);
    return status;
  }

  absl::Status Follow() {
    client::Hooks hooks;
    hooks.sleep = [this](std::chrono::milliseconds pause) { WaitForServer(pause); };
    client::Subscriber subscriber(MakeClient(context_, hooks), request_);
    subscriber_ = &subscriber;
    interrupt_.SetAction([&] { subscriber.Cancel(); });
    absl::Status status;
    while (auto delivery = subscriber.Next()) {
      if (!delivery->ok()) {
        status = delivery->status();
        break;
      }
      if (!Take(**delivery) || interrupt_.requested()) break;
    }
    interrupt_.SetAction(nullptr);
    subscriber_ = nullptr;
    if (gave_up_) return absl::UnavailableError("the server went away and did not come back");
    return status;
  }

  // False: that is all there is, and more is not wanted.
  bool Take(const client::Delivery& delivery) {
    if (std::exchange(away_, 0) > 0 && flags_.follow) Remark("the server is back");
    switch (delivery.kind) {
      case client::Delivery::Kind::kEvent:
        Show(delivery.event);
        return true;
      case client::Delivery::Kind::kCaughtUp:
        keep_ = 0;
        for (const auto& event : std::exchange(kept_, {})) printer_.Print(event);
        printer_.Flush();
        if (!flags_.follow) return false;
        if (!std::exchange(live_, true)) Remark(told_ ? "caught up again" : "caught up; following, Ctrl-C ends it");
        told_ = true;
        return true;
      case client::Delivery::Kind::kFellBehind:
        live_ = false;
        Remark("fell behind; reading on from the database");
        return true;
      case client::Delivery::Kind::kCheckpoint:
        return true;
    }
    return true;
  }

  void Show(const v1::RecordedEvent& event) {
    if (keep_ > 0) {
      kept_.push_back(event);
      if (kept_.size() > keep_) kept_.pop_front();
      return;
    }
    printer_.Print(event);
    // What comes one by one is wanted at once; of what is behind, a page at a time is enough.
    if (!subscriber_->HasNext()) printer_.Flush();
  }

  // In place of the client's pauses: ends with the interrupt.
  void WaitForServer(std::chrono::milliseconds pause) {
    live_ = false;
    if (++away_ == 1 && flags_.follow) Hint(context_, "the server is away; waiting for it");
    if (!flags_.follow && away_ == kTriesWithoutFollow) {
      gave_up_ = true;
      subscriber_->Cancel();
      return;
    }
    interrupt_.WaitFor(pause);
  }

  // On a terminal a silence is to be understood; a file needs no such lines.
  void Remark(const std::string& text) {
    printer_.Flush();
    if (context_.err_terminal.is_terminal) Hint(context_, text);
  }

  ExitCode End(const absl::Status& status) {
    printer_.Flush();
    if (status.ok() || interrupt_.requested()) return kOk;
    return ReportError(
        context_, flags_.aggregate_id.empty() ? "follow events" : "follow aggregate " + flags_.aggregate_id, status);
  }

  const TailFlags& flags_;
  Context& context_;
  Interrupt& interrupt_;
  const client::EventStoreClient store_ = MakeClient(context_);
  EventPrinter printer_;
  v1::SubscribeRequest request_;
  client::Subscriber* subscriber_ = nullptr;

  std::size_t keep_ = 0;  // above 0: only the last so many are shown, once everything was seen
  std::deque<v1::RecordedEvent> kept_;
  bool live_ = false;
  bool told_ = false;  // that it has caught up, once
  int away_ = 0;       // tries since the last message
  bool gave_up_ = false;
};

ExitCode RunTail(const TailFlags& flags, Context& context) {
  if (flags.last && !flags.from.empty()) return ReportUsage(context, "give one of --last and --from");
  // Before the client, whose threads are to inherit that signals are blocked.
  Interrupt interrupt;
  return Tail(flags, context, interrupt).Run();
}

}  // namespace

void AddTail(CLI::App& app, Context& context) {
  auto flags = std::make_shared<TailFlags>();
  CLI::App* command = app.add_subcommand(
      "tail", "The newest events, or all from some place on; with -f every new one as it comes, until Ctrl-C");
  AddUuid(*command, "AGGREGATE_ID,--aggregate", flags->aggregate_id, "Only this aggregate");
  command->add_flag("-f,--follow", flags->follow, "Go on with new events as they come");
  AddNumber(*command, "-n,--last", flags->last, 0, kMaxLast,
            "Begin with so many of the newest events" + Default(kDefaultLast));
  AddStart(*command, "--from", flags->from, std::string("Begin there: ") + kStartHelp);
  flags->filter.AddTo(*command);
  AddFooter(
      *command,
      "Events come in the order of positions, each once. -f waits for a server that goes away, and goes on where it\n"
      "was. --timeout is for the first answer.\n\n"
      "Examples:\n"
      "  eventctl tail -n 20\n"
      "  eventctl tail -f\n"
      "  eventctl tail -f --event-type 'order.*' --meta tenant=acme\n"
      "  eventctl tail -f --from 15m --user ada\n"
      "  eventctl tail -f 0190a0e2-7c1b-7000-8000-000000000001\n"
      "  eventctl tail --from beginning --json > everything.jsonl\n"
      "  eventctl tail -f --from 4294967296 --json | jq .event_type");
  command->callback([flags, &context] { context.exit_code = RunTail(*flags, context); });
}

}  // namespace eventstore::eventctl
