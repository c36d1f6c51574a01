// eventctl tail: events as they come. Polls; every poll goes on exactly after the last event seen.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <ranges>
#include <utility>

#include "tools/eventctl/commands/commands.h"
#include "tools/eventctl/input/flags.h"
#include "tools/eventctl/input/interrupt.h"
#include "tools/eventctl/output/event_text.h"
#include "tools/eventctl/output/report_error.h"

namespace eventstore::eventctl {
namespace {

constexpr int kMaxLast = 10'000;

struct TailFlags {
  std::string aggregate_id;
  bool all = false;
  int last = 0;
  bool from_beginning = false;
  std::int64_t from_position = -1;
  bool no_follow = false;
  double interval_seconds = 0.5;
  std::vector<std::string> event_types;
  std::vector<std::string> aggregate_types;
  std::vector<std::string> users;
  std::vector<std::string> sources;

  bool Filtered() const {
    return !(event_types.empty() && aggregate_types.empty() && users.empty() && sources.empty());
  }
};

// What is followed: an aggregate by version, or everything by position.
class Source {
 public:
  virtual ~Source() = default;
  // The newest events wanted, at most `count`, newest first.
  virtual client::EventReader Last(int count) = 0;
  // The newest event, wanted or not: where "from now on" begins.
  virtual client::EventReader Newest() = 0;
  virtual client::EventReader Next() = 0;
  virtual void Passed(const v1::RecordedEvent& event) = 0;
  // The last Next() was read to its end.
  virtual void PassedAll() {}
};

class AggregateSource : public Source {
 public:
  AggregateSource(client::EventStoreClient store, std::string id, client::CallOptions call)
      : store_(std::move(store)), call_(call) {
    request_.set_aggregate_id(std::move(id));
  }

  client::EventReader Last(int count) override {
    auto request = request_;
    request.set_direction(v1::DIRECTION_BACKWARD);
    request.set_max_events(count);
    return store_.ReadAggregate(request, call_);
  }
  client::EventReader Newest() override { return Last(1); }
  client::EventReader Next() override { return store_.ReadAggregate(request_, call_); }
  void Passed(const v1::RecordedEvent& event) override { request_.set_from_version(event.version() + 1); }

 private:
  const client::EventStoreClient store_;
  const client::CallOptions call_;
  v1::GetAggregateStreamRequest request_;
};

class AllSource : public Source {
 public:
  AllSource(client::EventStoreClient store, const TailFlags& flags, client::CallOptions call)
      : store_(std::move(store)), call_(call), filtered_(flags.Filtered()) {
    request_.set_from_position(std::max<std::int64_t>(flags.from_position, 0));
    auto& filter = *request_.mutable_filter();
    filter.mutable_event_types()->Assign(flags.event_types.begin(), flags.event_types.end());
    filter.mutable_aggregate_types()->Assign(flags.aggregate_types.begin(), flags.aggregate_types.end());
    filter.mutable_user_ids()->Assign(flags.users.begin(), flags.users.end());
    filter.mutable_sources()->Assign(flags.sources.begin(), flags.sources.end());
  }

  client::EventReader Last(int count) override { return Backward(request_.filter(), count); }
  client::EventReader Newest() override { return Backward({}, 1); }

  client::EventReader Next() override {
    // Where few events are wanted, what was looked at in vain must not be looked at again: nothing below the newest
    // event can appear any more, so a read that ends after this need not begin below it.
    end_ = 0;
    if (filtered_) {
      const auto newest = Newest().Next();
      if (newest && newest->ok()) end_ = (*newest)->global_position();
    }
    return store_.ReadAll(request_, call_);
  }

  void Passed(const v1::RecordedEvent& event) override { request_.set_from_position(event.global_position()); }
  void PassedAll() override { request_.set_from_position(std::max(request_.from_position(), end_)); }

 private:
  client::EventReader Backward(const v1::EventFilter& filter, int count) const {
    v1::ReadAllRequest request;
    *request.mutable_filter() = filter;
    request.set_direction(v1::DIRECTION_BACKWARD);
    request.set_max_events(count);
    return store_.ReadAll(request, call_);
  }

  const client::EventStoreClient store_;
  const client::CallOptions call_;
  const bool filtered_;
  v1::ReadAllRequest request_;
  std::int64_t end_ = 0;
};

class Tail {
 public:
  Tail(const TailFlags& flags, Context& context, Interrupt& interrupt, std::unique_ptr<Source> source,
       EventPrinter& printer)
      : flags_(flags), context_(context), interrupt_(interrupt), source_(std::move(source)), printer_(printer) {}

  ExitCode Run() {
    if (!flags_.from_beginning && flags_.from_position < 0) {
      if (absl::Status status = Start(); !status.ok()) return End(status);
    }
    // On a terminal a silence is to be understood.
    if (!flags_.no_follow && context_.err_terminal.is_terminal) Hint(context_, "following; Ctrl-C ends it");
    const auto interval = std::chrono::milliseconds(std::max(1L, std::lround(flags_.interval_seconds * 1'000)));
    do {
      const absl::Status status = Poll();
      if (interrupt_.requested()) break;
      if (!status.ok() && !Survivable(status)) return End(status);
      if (status.ok()) {
        connected_ = true;
        away_ = false;
      }
    } while (!flags_.no_follow && !interrupt_.WaitFor(interval));
    return End(absl::OkStatus());
  }

 private:
  absl::Status Start() {
    std::vector<v1::RecordedEvent> newest_first;
    const absl::Status status = Read(flags_.last > 0 ? source_->Last(flags_.last) : source_->Newest(),
                                     [&](v1::RecordedEvent& event) { newest_first.push_back(std::move(event)); });
    connected_ = status.ok();
    if (!status.ok() || newest_first.empty()) return status;
    source_->Passed(newest_first.front());
    if (flags_.last == 0) return status;
    for (const auto& event : std::views::reverse(newest_first)) printer_.Print(event);
    printer_.Flush();
    return status;
  }

  absl::Status Poll() {
    const absl::Status status = Read(source_->Next(), [&](v1::RecordedEvent& event) {
      printer_.Print(event);
      source_->Passed(event);
    });
    if (status.ok() && !interrupt_.requested()) source_->PassedAll();
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
      if (interrupt_.requested()) break;
    }
    interrupt_.SetAction(nullptr);
    return status;
  }

  // A server that was there comes back: whoever follows a stream wants to see what comes then.
  bool Survivable(const absl::Status& status) {
    if (flags_.no_follow || !connected_ || status.code() != absl::StatusCode::kUnavailable) return false;
    if (!away_) Hint(context_, "the server is away; waiting for it");
    away_ = true;
    return true;
  }

  ExitCode End(const absl::Status& status) {
    printer_.Flush();
    if (status.ok() || interrupt_.requested()) return kOk;
    return ReportError(context_, "follow " + (flags_.all ? "all events" : "aggregate " + flags_.aggregate_id), status);
  }

  const TailFlags& flags_;
  Context& context_;
  Interrupt& interrupt_;
  const std::unique_ptr<Source> source_;
  EventPrinter& printer_;
  bool connected_ = false;
  bool away_ = false;
};

ExitCode RunTail(const TailFlags& flags, Context& context) {
  if (flags.all == !flags.aggregate_id.empty()) return ReportUsage(context, "give either AGGREGATE_ID or --all");
  if (!flags.all && (flags.Filtered() || flags.from_position >= 0)) {
    return ReportUsage(context, "--from-position and the filters go with --all");
  }
  if ((flags.from_beginning ? 1 : 0) + (flags.from_position >= 0 ? 1 : 0) + (flags.last > 0 ? 1 : 0) > 1) {
    return ReportUsage(context, "give one of --last, --from-beginning and --from-position");
  }
  // Before the client, whose threads are to inherit that signals are blocked.
  Interrupt interrupt;
  const auto call = CallOptionsOf(context);
  if (flags.all) {
    EventPrinter printer(context,
                         {EventColumn::kPosition, EventColumn::kTime, EventColumn::kAggregate, EventColumn::kVersion,
                          EventColumn::kEventType, EventColumn::kUser, EventColumn::kData});
    return Tail(flags, context, interrupt, std::make_unique<AllSource>(MakeClient(context), flags, call), printer)
        .Run();
  }
  EventPrinter printer(context, {EventColumn::kVersion, EventColumn::kTime, EventColumn::kEventType, EventColumn::kUser,
                                 EventColumn::kData});
  return Tail(flags, context, interrupt,
              std::make_unique<AggregateSource>(MakeClient(context), flags.aggregate_id, call), printer)
      .Run();
}

}  // namespace

void AddTail(CLI::App& app, Context& context) {
  auto flags = std::make_shared<TailFlags>();
  CLI::App* command = app.add_subcommand("tail", "Follow an aggregate, or all events, as they come; Ctrl-C ends it");
  AddUuid(*command, "AGGREGATE_ID", flags->aggregate_id, "The aggregate");
  command->add_flag("--all", flags->all, "All events in global order");
  AddNumber(*command, "--last", flags->last, 1, kMaxLast, "Show so many of the newest events first");
  command->add_flag("--from-beginning", flags->from_beginning, "Show everything first");
  AddNumber(*command, "--from-position", flags->from_position, 0, std::numeric_limits<std::int64_t>::max(),
            "With --all: what comes after this position");
  command->add_flag("--no-follow", flags->no_follow, "End when there is nothing more now");
  AddFlag(*command, "--interval", flags->interval_seconds, "SECONDS", "Between two looks (default 0.5)")
      ->check(CLI::Range(0.01, 3'600.0));
  AddList(*command, "--event-type", flags->event_types, "TYPE", "With --all: only this type");
  AddList(*command, "--aggregate-type", flags->aggregate_types, "TYPE", "With --all: only aggregates of this type");
  AddList(*command, "--user", flags->users, "USER", "With --all: only this user");
  AddList(*command, "--source", flags->sources, "SOURCE", "With --all: only this source");
  AddFooter(*command,
            "Examples:\n"
            "  eventctl tail 0190a0e2-7c1b-7000-8000-000000000001 --last 10\n"
            "  eventctl tail --all --event-type order.placed\n"
            "  eventctl tail --all --from-beginning --no-follow --json > everything.jsonl");
  command->callback([flags, &context] { context.exit_code = RunTail(*flags, context); });
}

}  // namespace eventstore::eventctl
