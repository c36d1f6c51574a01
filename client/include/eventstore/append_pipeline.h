// Many appends under way at once, each with its own outcome: for loaders and for services that append all the time.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "eventstore/client.h"

namespace eventstore::client {

namespace internal {
class PipelineState;
}

struct PipelineOptions {
  // Appends without an outcome, at most; Append() waits for room. The server has a bound of its own, 1 000.
  std::size_t max_in_flight = 256;
  // A stream on which appends wait and nothing comes back for so long is given up, and opened again. 0: never.
  std::chrono::milliseconds stall_timeout{30'000};
};

// Appends over one AppendStream. Appends to one aggregate are decided in the order given; an outcome comes as soon as it
// is known.
//
// When the stream breaks (Options::retry says how often and how long to try), it is opened again and what has no outcome
// yet is sent again, in order and with the same event ids: nothing is left out, nothing is written twice. What the server
// answers to an append is its outcome and is not tried again here, QUEUE_FULL included: what follows on the same aggregate
// has been decided by then.
//
// Append() and Flush() may be called from any thread, but not from an outcome's callback.
class AppendPipeline {
 public:
  using Outcome = absl::StatusOr<v1::AppendResponse>;

  explicit AppendPipeline(const EventStoreClient& client, PipelineOptions options = {});
  // Waits for every outcome, as Flush() does.
  ~AppendPipeline();
  AppendPipeline(const AppendPipeline&) = delete;
  AppendPipeline& operator=(const AppendPipeline&) = delete;

  // `done` is called once, with the outcome, from a thread of the pipeline: while it runs, no other outcome comes. Event ids
  // that are empty are filled in.
  void Append(v1::AppendRequest request, std::function<void(Outcome)> done);

  // Waits until every append given so far has its outcome, and that outcome's callback has returned.
  void Flush();

 private:
  const std::unique_ptr<internal::PipelineState> state_;
};

}  // namespace eventstore::client
