// Loads lines of events: one thread reads, several store, each the aggregates that fall to it, so that the order of the
// input holds within every aggregate.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "eventstore/client.h"
#include "tools/eventctl/load/batch_queue.h"
#include "tools/eventctl/load/batch_writer.h"
#include "tools/eventctl/load/checkpoint.h"
#include "tools/eventctl/load/line_reader.h"

namespace eventstore::eventctl {

struct LoaderOptions {
  int workers = 4;
  std::size_t batch_events = 250;
  LineDefaults defaults = {};
  client::CallOptions call = {};
  // Events at or below were stored before.
  std::int64_t old_position = 0;
  bool skip_bad = false;
};

struct LoadProgress {
  LoadCounts counts;
  std::uint64_t without_id = 0;
  Place read;     // of the input
  Place reached;  // everything before is stored
};

class Loader {
 public:
  // `complain`: about a line that is passed over with skip_bad; called by several threads, one at a time.
  Loader(const client::EventStoreClient& store, LoaderOptions options,
         std::function<void(const std::string&)> complain);
  ~Loader();

  // Loads from where `reader` is to the end, or until `stop` says so. `tick` is called by this thread, every now and then
  // while there is something to tell.
  absl::Status Run(LineReader& reader, const std::function<bool()>& stop,
                   const std::function<void(const LoadProgress&)>& tick);

  LoadProgress Progress() const;

 private:
  struct Worker {
    BatchQueue queue;
    Batch filling;
    std::unique_ptr<BatchWriter> writer;
    std::thread thread;
    mutable std::mutex mutex;
    LoadCounts counts;  // guarded by mutex: the writer's own belong to the thread
  };

  absl::Status ReadLines(LineReader& reader, const std::function<bool()>& stop,
                         const std::function<void(const LoadProgress&)>& tick);
  absl::Status Take(const std::string& line, const Place& begin, const Place& end);
  void Flush(Worker& worker);
  void FlushAll();
  void Work(Worker& worker);
  absl::Status RefuseLine(std::uint64_t number, const std::string& why);
  void Fail(const absl::Status& status);
  absl::Status Failure() const;

  const LoaderOptions options_;
  const std::function<void(const std::string&)> complain_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Watermark> watermark_;
  Place read_;
  std::uint64_t refused_here_ = 0;
  std::uint64_t without_id_ = 0;

  mutable std::mutex mutex_;
  absl::Status failure_;  // guarded by mutex_
  std::atomic<bool> failed_ = false;
};

}  // namespace eventstore::eventctl
