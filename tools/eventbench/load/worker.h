// One thread of load: a completion queue, its connections, and slots that each have at most one operation under way.
// Everything in it is used by its own thread alone, so that nothing is locked while the clock runs.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "tools/eventbench/load/operation.h"
#include "tools/eventbench/load/pacer.h"
#include "tools/eventbench/load/schedule.h"
#include "tools/eventbench/measure/recorder.h"

namespace eventstore::eventbench {

class Slot;

struct WorkerPlan {
  int number = 0;
  int workers = 1;
  int slots = 1;
  double rate = 0;  // 0: closed loop
  std::uint64_t seed = 0;
  std::vector<std::shared_ptr<grpc::Channel>> channels{};
};

class Worker {
 public:
  Worker(const Options& options, WorkerPlan plan);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Until the end, or Stop(); then until everything under way has its answer. Once.
  void Run(const Times& times);
  // From any thread.
  void Stop() { stopping_ = true; }

  // From any thread, while it runs.
  std::int64_t events() const { return events_; }
  std::int64_t operations() const { return operations_; }
  std::int64_t errors() const { return errors_; }
  bool gave_up() const { return stopping_; }

  // Before and after Run().
  Aggregates& aggregates() { return aggregates_; }
  EventMaker& maker() { return maker_; }
  AppendBook& book() { return book_; }
  const Recorder& recorder() const { return recorder_; }
  // In an open loop: were due and could not start, since every slot was taken.
  std::int64_t not_started() const { return not_started_; }
  // The error after which going on made no sense.
  const std::optional<Failure>& hopeless() const { return hopeless_; }

 private:
  friend class Slot;

  bool IsOver(Instant now) const { return now >= times_.end || stopping_; }
  void StartNext(Slot& slot, Instant now);
  void StartDue(Instant now);
  void Tick(bool ok);
  void Ended(Slot& slot, const Outcome& outcome, const Failure* failure);
  void Retire();
  void MaybeClose();

  const Options& options_;
  const WorkerPlan plan_;
  grpc::CompletionQueue queue_;
  Aggregates aggregates_;
  EventMaker maker_;
  AppendBook book_;
  Workbench bench_;
  Times times_;
  Recorder recorder_{times_};
  std::vector<Connection> connections_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_;  // in an open loop
  int busy_ = 0;             // slots with something under way, a pause included
  bool closed_ = false;      // the queue

  std::optional<Schedule> schedule_;
  std::unique_ptr<Pacer> pacer_;
  Bound<&Worker::Tick> tick_{this};
  std::int64_t started_ = 0;
  std::int64_t not_started_ = 0;

  std::atomic<bool> stopping_{false};
  std::atomic<std::int64_t> events_{0};
  std::atomic<std::int64_t> operations_{0};
  std::atomic<std::int64_t> errors_{0};
  std::optional<Failure> hopeless_;
};

}  // namespace eventstore::eventbench
