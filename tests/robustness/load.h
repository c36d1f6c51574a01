// Writers of every kind, until they are told to stop: what is acknowledged goes into the ledger.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/client.h"
#include "tests/robustness/ledger.h"

namespace eventstore::testing {

struct LoadOptions {
  // Each appends in turn to an aggregate of its own with the version it knows ("load.own"), to a shared one ("load.any"),
  // and to several shared ones at once ("load.batch").
  int clients = 16;
  // Each has a stream with many appends under way ("load.stream").
  int pipelines = 1;
  int batch_aggregates = 2;
  // Of a client, between two appends; a pipeline pauses 5 ms or this, whatever is longer.
  std::chrono::milliseconds pause{0};
};

class Load {
 public:
  // Writers take the stores in turn.
  Load(std::vector<client::EventStoreClient> stores, Ledger& ledger, LoadOptions options = {});
  ~Load() { Stop(); }

  // Waits for every answer.
  void Stop();

  // Appends that have failed for good; the test fails where that may not be.
  int unanswered() const { return unanswered_; }
  int streamed() const { return streamed_; }
  // Those that writers share; each gets events of every kind but "load.own".
  const std::vector<std::string>& shared() const { return shared_; }

  // Until so many more events are acknowledged. False when the store does not come back.
  bool AwaitEvents(std::size_t count, std::chrono::seconds patience) const;

 private:
  void Run(const client::EventStoreClient& store, std::size_t number);
  void RunPipeline(const client::EventStoreClient& store);
  const std::string& Shared(std::size_t number) const { return shared_[number % shared_.size()]; }
  void Lost(const absl::Status& status);

  const std::vector<client::EventStoreClient> stores_;
  Ledger& ledger_;
  const LoadOptions options_;
  std::vector<std::string> shared_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> unanswered_ = 0;
  std::atomic<int> streamed_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace eventstore::testing
