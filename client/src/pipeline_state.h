// What is below an AppendPipeline: the appends without an outcome, and the stream that carries them.
//
// An item is kept from Append() until its callback has returned, in the order given, under its place in the stream that
// is open. When that one breaks, what is left becomes 1, 2, 3, ... of the next. The pipeline's own thread opens streams
// and sends; outcomes come on a thread of gRPC, one after another.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "client/src/core.h"
#include "eventstore/append_pipeline.h"

namespace eventstore::client::internal {

class PipelineState {
 public:
  using Done = std::function<void(AppendPipeline::Outcome)>;

  PipelineState(std::shared_ptr<const Core> core, PipelineOptions options);
  ~PipelineState();

  void Append(v1::AppendRequest request, Done done);
  void Flush();

 private:
  class Stream;
  struct Item {
    std::int64_t serial = 0;  // over all streams
    v1::AppendRequest request;
    Done done;
  };

  void Run();
  // Streams until everything has its outcome, or the retries are used up.
  void ServeWithRetries(std::unique_lock<std::mutex>& lock);
  absl::Status ServeOnce(std::unique_lock<std::mutex>& lock);
  void SendWhatWaits(Stream& stream);
  bool HasUnsent() const { return sent_ + 1 < next_place_; }
  bool IsOwed() const { return !items_.empty() && items_.begin()->first <= sent_; }
  bool Stalled() const;
  // Hands an outcome over and forgets the item.
  void Resolve(std::unique_lock<std::mutex>& lock, std::int64_t place, AppendPipeline::Outcome outcome);

  const std::shared_ptr<const Core> core_;
  const PipelineOptions options_;

  std::mutex mutex_;
  std::condition_variable room_;  // an item is gone
  std::condition_variable work_;  // for the pipeline's thread
  std::map<std::int64_t, Item> items_;
  std::int64_t serials_ = 0;
  std::int64_t next_place_ = 1;
  std::int64_t sent_ = 0;  // the last place that went out
  bool progress_ = false;  // an outcome came on this stream
  bool taking_ = false;    // outcomes are being handed over, which takes as long as callbacks take
  bool closing_ = false;
  std::chrono::steady_clock::time_point heard_;  // when the stream last answered, or began to owe an answer

  std::thread thread_;
};

}  // namespace eventstore::client::internal
