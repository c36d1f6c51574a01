// How long after its acknowledgement an event is delivered. Acknowledgements and deliveries come on threads of their own
// and in either order.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

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
    const auto [met, first] = waiting_.try_emplace(position, Half{now, true});
    if (first) {
      ++undelivered_;
    } else {
      Meet(met, now, met->second.at);
    }
  }

  void Delivered(std::int64_t position, Instant now) {
    const std::scoped_lock lock(mutex_);
    ++figures_.delivered;
    const auto [met, first] = waiting_.try_emplace(position, Half{now, false});
    if (first) return;
    if (met->second.acknowledged) --undelivered_;
    Meet(met, met->second.at, now);
  }

  // Acknowledged and not delivered. What is delivered and never acknowledged is of others, or its answer was lost.
  std::int64_t undelivered() const {
    const std::scoped_lock lock(mutex_);
    return undelivered_;
  }

  DeliveryFigures Take() {
    const std::scoped_lock lock(mutex_);
    figures_.missing = undelivered_;
    return std::move(figures_);
  }

 private:
  // The first of the two, until the second happens.
  struct Half {
    Instant at;
    bool acknowledged;
  };
  using Waiting = absl::flat_hash_map<std::int64_t, Half>;

  void Meet(Waiting::iterator met, Instant acknowledged, Instant delivered) {
    if (acknowledged >= measured_from_) figures_.latency.Record((delivered - acknowledged).count());
    waiting_.erase(met);
  }

  mutable std::mutex mutex_;
  Instant measured_from_{};
  Waiting waiting_;  // by position
  std::int64_t undelivered_ = 0;
  DeliveryFigures figures_;
};

}  // namespace eventstore::eventbench
