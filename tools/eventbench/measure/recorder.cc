#include "tools/eventbench/measure/recorder.h"

#include <algorithm>

namespace eventstore::eventbench {

std::int64_t Totals::ErrorCount() const {
  std::int64_t count = 0;
  for (const auto& [reason, times] : errors) count += times;
  return count;
}

void Totals::Add(const Totals& other) {
  latency.Add(other.latency);
  operations += other.operations;
  events += other.events;
  bytes += other.bytes;
  for (const auto& [reason, times] : other.errors) errors[reason] += times;
}

void Stretch::Add(const Stretch& other) {
  latency.Add(other.latency);
  operations += other.operations;
  events += other.events;
  errors += other.errors;
}

Recorder::Recorder(const Times& times) : times_(times) {
  const auto stretches = (times.end - times.measured + times.step - Clock::duration(1)) / times.step;
  stretches_.resize(static_cast<std::size_t>(std::max<std::int64_t>(1, stretches)));
}

void Recorder::Record(Kind kind, Clock::duration latency, const Outcome& outcome, Instant ended) {
  if (ended < times_.measured || ended >= times_.end) return;
  Totals& totals = totals_[IndexOf(kind)];
  const auto at = static_cast<std::size_t>((ended - times_.measured) / times_.step);
  Stretch& stretch = stretches_[std::min(at, stretches_.size() - 1)];
  if (!outcome.error.empty()) {
    ++totals.errors[outcome.error];
    ++stretch.errors;
    return;
  }
  const std::int64_t nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(latency).count();
  totals.latency.Record(nanoseconds);
  ++totals.operations;
  totals.events += outcome.events;
  totals.bytes += outcome.bytes;
  stretch.latency.Record(nanoseconds);
  ++stretch.operations;
  stretch.events += outcome.events;
}

void Recorder::Merge(const Recorder& other) {
  for (std::size_t i = 0; i < kKinds; ++i) totals_[i].Add(other.totals_[i]);
  for (std::size_t i = 0; i < stretches_.size(); ++i) stretches_[i].Add(other.stretches_[i]);
}

}  // namespace eventstore::eventbench
