// Subscribers beside a load: the first gets everything and is held against what was acknowledged, each of the others the
// events of one user.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "tools/eventbench/load/delivery_clock.h"
#include "tools/eventbench/options/options.h"

namespace eventstore::eventbench {

class Follower;

class Followers {
 public:
  // `clock` outlives them.
  Followers(const Options& options, const std::vector<std::shared_ptr<grpc::Channel>>& channels, DeliveryClock& clock);
  ~Followers();
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  // Until each has caught up, so that whatever is appended from now on is new to it.
  absl::Status AwaitLive();
  // Until everything that was acknowledged was delivered, a few seconds at most; then they end.
  absl::Status Finish();

 private:
  void Run();

  grpc::CompletionQueue queue_;
  DeliveryClock& clock_;
  std::atomic<int> live_ = 0;
  std::atomic<int> failed_ = 0;
  std::atomic<int> ended_ = 0;
  std::vector<std::unique_ptr<Follower>> followers_;
  std::thread thread_;
};

}  // namespace eventstore::eventbench
