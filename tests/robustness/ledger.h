// What clients were promised: every acknowledged event with its place. At the end the store is held against it.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/client.h"
#include "tests/robustness/delivery_record.h"

namespace eventstore::testing {

class Ledger {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Thread-safe, as all of it.
  void Acknowledged(const v1::AppendResponse& response);
  std::size_t acknowledged() const;
  // The greatest that was promised.
  std::int64_t last_position() const;
  // For the first time; nullopt: it was not.
  std::optional<Time> AcknowledgedAt(const std::string& event_id) const;

  // Every acknowledged event is in its aggregate's stream once, at the version and position that were promised; every
  // stream is 1..n in order of version, time and position. The first thing that is not so, or ok.
  absl::Status CheckAgainst(const client::EventStoreClient& store) const;
  // No event was acknowledged at two places.
  absl::Status CheckPromises() const;
  // Every acknowledged event is among these, at the position that was promised.
  absl::Status CheckAmong(const std::vector<Stored>& events) const;

 private:
  struct Promise {
    int version;
    std::int64_t position;
  };
  absl::Status CheckAggregate(const client::EventStoreClient& store, const std::string& aggregate,
                              const std::map<std::string, Promise>& promises) const;

  mutable std::mutex mutex_;
  // aggregate -> event id -> place
  std::map<std::string, std::map<std::string, Promise>> promised_;
  std::map<std::string, Time> times_;  // by event id
  std::int64_t last_position_ = 0;
  absl::Status contradiction_;
};

}  // namespace eventstore::testing
