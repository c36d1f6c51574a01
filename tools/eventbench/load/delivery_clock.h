// How long after its acknowledgement an event is delivered. Acknowledgements and deliveries come on threads of their own
// and in either order.
#pragma once

#include <cstdint>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "tools/eventbench/measure/recorder.h"

namespace eventstore::eventbench {

struct DeliveryFigures {
  Histogram latency;  // of what was acknowledged in the measured time; delivered before it was acknowledged counts as 0
  std::int64_t delivered = 0;
  std::int64_t missing = 0;  // acknowledged and never delivered
};

// Thread-safe.
class DeliveryClock {
 public:
  // Only what is acknowledged from then on is measured, all of it is awaited.
  void MeasureFrom(Instant begin) {
    const std::scoped_lock lock(mutex_);
    measured_from_ = begin;
  }

  void Acknowledged(std::int64_t position, Instant now) {
    const std::scoped_lock lock(mutex_);
    const auto [met, first] = waiting_.try_emplace(position, now);
    if (!first) Meet(met, now, met->second);
  }

  void Delivered(std::int64_t position, Instant now) {
    const std::scoped_lock lock(mutex_);
    ++figures_.delivered;
    const auto [met, first] = waiting_.try_emplace(position, now);
    if (!first) Meet(met, met->second, now);
  }

  // What was seen on one side only: it has to be nothing in the end.
  std::size_t waiting() const {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
  }

  DeliveryFigures Take() {
    const std::scoped_lock lock(mutex_);
    figures_.missing = static_cast<std::int64_t>(waiting_.size());
    return std::move(figures_);
  }

 private:
  using Waiting = absl::flat_hash_map<std::int64_t, Instant>;

  void Meet(Waiting::iterator met, Instant acknowledged, Instant delivered) {
    if (acknowledged >= measured_from_) figures_.latency.Record((delivered - acknowledged).count());
    waiting_.erase(met);
  }

  mutable std::mutex mutex_;
  Instant measured_from_{};
  Waiting waiting_;  // by position: when the first of the two happened
  DeliveryFigures figures_;
};

}  // namespace eventstore::eventbench
