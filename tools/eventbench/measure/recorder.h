// What one worker measures: per kind of operation a histogram and counters, and the same again for each stretch of time.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/eventbench/measure/histogram.h"
#include "tools/eventbench/options/mix.h"

namespace eventstore::eventbench {

using Clock = std::chrono::steady_clock;
using Instant = Clock::time_point;

struct Times {
  Instant begin{};     // of the load; warm-up first
  Instant measured{};  // from here on it counts
  Instant end{};
  Clock::duration step{std::chrono::seconds(1)};  // of the series
};

// What one operation came to.
struct Outcome {
  std::int64_t events = 0;  // written or read
  std::int64_t bytes = 0;   // received, for reads
  std::string error{};      // reason; empty: done
};

struct Totals {
  Histogram latency;
  std::int64_t operations = 0;
  std::int64_t events = 0;
  std::int64_t bytes = 0;
  std::map<std::string, std::int64_t> errors;  // by reason

  std::int64_t ErrorCount() const;
  void Add(const Totals& other);
};

// A stretch of the run, all kinds together.
struct Stretch {
  Histogram latency{5};
  std::int64_t operations = 0;
  std::int64_t events = 0;
  std::int64_t errors = 0;

  void Add(const Stretch& other);
};

class Recorder {
 public:
  // Counts what ended in [measured, end).
  explicit Recorder(const Times& times);

  void Record(Kind kind, Clock::duration latency, const Outcome& outcome, Instant ended);

  void Merge(const Recorder& other);
  const Totals& of(Kind kind) const { return totals_[IndexOf(kind)]; }
  const std::vector<Stretch>& stretches() const { return stretches_; }
  Clock::duration step() const { return times_.step; }

 private:
  Times times_;
  std::array<Totals, kKinds> totals_;
  std::vector<Stretch> stretches_;
};

}  // namespace eventstore::eventbench
