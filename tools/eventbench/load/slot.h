// A place for one operation at a time; it keeps one of each kind, to use its memory again.
#pragma once

#include <grpcpp/alarm.h>

#include <array>
#include <chrono>
#include <memory>

#include "tools/eventbench/load/completion.h"
#include "tools/eventbench/load/operation.h"

namespace eventstore::eventbench {

class Worker;

class Slot final : public OperationListener {
 public:
  Slot(Worker& worker, Connection& connection) : worker_(worker), connection_(connection) {}

  void Start(Kind kind, Instant intended);
  void Ended(const Outcome& outcome, const Failure* failure) override;
  // Goes on with the next operation after a while.
  void Pause(std::chrono::milliseconds time);

  Kind kind() const { return kind_; }
  // What latency is counted from.
  Instant intended() const { return intended_; }

 private:
  void PauseOver(bool ok);

  Worker& worker_;
  Connection& connection_;
  std::array<std::unique_ptr<Operation>, kKinds> operations_;
  Kind kind_ = Kind::kAppend;
  Instant intended_;
  grpc::Alarm alarm_;
  Bound<&Slot::PauseOver> pause_over_{this};
};

}  // namespace eventstore::eventbench
