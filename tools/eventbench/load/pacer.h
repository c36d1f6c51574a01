// Wakes a worker at the moments when something is due. A thread of its own, since a completion queue's own timers are
// only good to a millisecond.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>

#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/schedule.h"

namespace eventstore::eventbench {

class Pacer {
 public:
  // `tick` comes out of the queue whenever something of the schedule becomes due, until Stop(), and now and then between, so
  // that the worker notices that it is to end. One that was not taken yet is not sent twice. All outlive the pacer.
  Pacer(grpc::CompletionQueue& queue, Completion& tick, const Schedule& schedule);
  ~Pacer() { Stop(); }
  Pacer(const Pacer&) = delete;
  Pacer& operator=(const Pacer&) = delete;

  // By the worker, first thing when the tick came.
  void Taken() { pending_ = false; }
  // When it has returned, at most the tick that is pending still comes.
  void Stop();
  bool pending() const { return pending_; }

 private:
  void Run();

  grpc::CompletionQueue& queue_;
  Completion& tick_;
  const Schedule& schedule_;
  grpc::Alarm alarm_;
  std::atomic<bool> pending_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace eventstore::eventbench
