// What clients were promised: every acknowledged event with its place. At the end the store is held against it.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/client.h"

namespace eventstore::testing {

class Ledger {
 public:
  // Thread-safe.
  void Acknowledged(const v1::AppendResponse& response);
  std::size_t acknowledged() const;

  // Every acknowledged event is in its aggregate's stream once, at the version and position that were promised; every
  // stream is 1..n in order of version, time and position. The first thing that is not so, or ok.
  absl::Status CheckAgainst(const client::EventStoreClient& store) const;
  // Every acknowledged event is among these (id -> position), at the position that was promised.
  absl::Status CheckDelivered(const std::map<std::string, std::int64_t>& delivered) const;

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
  std::size_t count_ = 0;
  absl::Status contradiction_;
};

}  // namespace eventstore::testing
