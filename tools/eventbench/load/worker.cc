#include "tools/eventbench/load/worker.h"

#include <utility>

#include "tools/eventbench/load/append_stream.h"
#include "tools/eventbench/load/slot.h"

namespace eventstore::eventbench {

Worker::Worker(const Options& options, WorkerPlan plan)
    : options_(options),
      plan_(std::move(plan)),
      aggregates_(options, plan_.seed, plan_.number, plan_.workers),
      maker_(options, plan_.seed, plan_.number),
      book_(aggregates_, maker_),
      bench_{.options = options_, .queue = queue_, .aggregates = aggregates_, .maker = maker_, .book = book_} {
  book_.ledger().enabled = options.verify;
  for (const auto& channel : plan_.channels) {
    Connection connection;
    connection.stub = v1::EventStore::NewStub(channel);
    connection.health = grpc::health::v1::Health::NewStub(channel);
    connection.pages = std::make_unique<PageStub>(channel);
    connection.appends = std::make_unique<AppendStreamCall>(bench_, *connection.stub);
    connections_.push_back(std::move(connection));
  }
  for (int i = 0; i < plan_.slots; ++i) {
    slots_.push_back(std::make_unique<Slot>(*this, connections_[static_cast<std::size_t>(i) % connections_.size()]));
  }
}

Worker::~Worker() = default;

void Worker::Run(const Times& times) {
  times_ = times;
  recorder_ = Recorder(times);
  if (plan_.rate > 0) {
    for (const auto& slot : slots_) free_.push_back(slot.get());
    schedule_.emplace(times_.begin, plan_.rate);
    pacer_ = std::make_unique<Pacer>(queue_, tick_, *schedule_);
  } else {
    const Instant now = Clock::now();
    for (const auto& slot : slots_) {
      ++busy_;
      StartNext(*slot, now);
    }
    for (auto& connection : connections_) connection.appends->Flush();
  }
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
    static_cast<Completion*>(tag)->Done(ok);
    for (auto& connection : connections_) connection.appends->Flush();
    MaybeClose();
  }
}

void Worker::StartNext(Slot& slot, Instant now) {
  if (IsOver(now)) return Retire();
  slot.Start(options_.mix.Pick(maker_.random().Next() >> 16), now);
}

void Worker::Retire() { --busy_; }

void Worker::StartDue(Instant now) {
  Schedule& schedule = *schedule_;  // NOLINT(bugprone-unchecked-optional-access): the pacer that ticks was made with it
  const std::int64_t due = schedule.DueBy(std::min(now, times_.end - Clock::duration(1)));
  while (started_ < due && !free_.empty()) {
    Slot& slot = *free_.back();
    free_.pop_back();
    ++busy_;
    slot.Start(options_.mix.Pick(maker_.random().Next() >> 16), schedule.Intended(started_++));
  }
}

void Worker::Tick(bool /*ok*/) {
  pacer_->Taken();
  const Instant now = Clock::now();
  if (IsOver(now)) {
    pacer_->Stop();
  } else {
    StartDue(now);
  }
}

void Worker::Ended(Slot& slot, const Outcome& outcome, const Failure* failure) {
  const Instant now = Clock::now();
  // Counted when it ends, in an open loop too: one that cannot keep up would otherwise show what it did while warming up.
  recorder_.Record(slot.kind(), now - slot.intended(), outcome, now);
  // Written by this thread alone: no need for a locked instruction.
  const auto add = [](std::atomic<std::int64_t>& counter, std::int64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  };
  if (outcome.error.empty()) {
    add(operations_, 1);
    add(events_, outcome.events);
  } else {
    add(errors_, 1);
  }
  if (failure != nullptr && failure->hopeless && !hopeless_) {
    hopeless_ = *failure;
    stopping_ = true;
  }
  if (schedule_) {
    --busy_;
    free_.push_back(&slot);
    if (!IsOver(now)) StartDue(now);
  } else if (failure != nullptr && failure->wait.count() > 0 && !IsOver(now)) {
    slot.Pause(failure->wait);
  } else {
    StartNext(slot, now);
  }
}

void Worker::MaybeClose() {
  if (closed_ || busy_ > 0) return;
  if (schedule_) {
    if (!IsOver(Clock::now())) return;
    pacer_->Stop();
    if (pacer_->pending()) return;  // its tick is still to come
    not_started_ = schedule_->DueBy(times_.end - Clock::duration(1)) - started_;
  }
  bool over = true;
  for (auto& connection : connections_) {
    connection.appends->Close();
    over = over && connection.appends->IsOver();
  }
  if (!over) return;
  closed_ = true;
  queue_.Shutdown();
}

void Slot::Start(Kind kind, Instant intended) {
  kind_ = kind;
  intended_ = intended;
  auto& operation = operations_[IndexOf(kind)];
  if (!operation) operation = MakeOperation(kind, worker_.bench_, connection_, *this);
  operation->Start();
}

void Slot::Ended(const Outcome& outcome, const Failure* failure) { worker_.Ended(*this, outcome, failure); }

void Slot::Pause(std::chrono::milliseconds time) {
  alarm_.Set(&worker_.queue_, std::chrono::system_clock::now() + time, static_cast<Completion*>(&pause_over_));
}

void Slot::PauseOver(bool /*ok*/) { worker_.StartNext(*this, Clock::now()); }

}  // namespace eventstore::eventbench
