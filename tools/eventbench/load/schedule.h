// When operations are meant to start in an open loop: evenly, whatever the answers do.
#pragma once

#include <cstdint>

#include "tools/eventbench/measure/recorder.h"

namespace eventstore::eventbench {

class Schedule {
 public:
  // `rate` operations a second from `begin` on.
  Schedule(Instant begin, double rate);

  // Of operation 0, 1, ...: evenly. Above 5,000 a second several share one moment, never an earlier one: waking up for
  // each would take the processor from what is measured.
  Instant Intended(std::int64_t operation) const;
  // How many are due by then.
  std::int64_t DueBy(Instant now) const;

 private:
  Instant begin_;
  double rate_;
  Clock::duration shared_;  // moments are multiples of it; 1 ns: each operation has its own
};

}  // namespace eventstore::eventbench
