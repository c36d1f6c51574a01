// What is counted of every RPC: calls by code, errors by reason, how long, how many under way, messages and bytes of
// streams. Counting takes no lock and a handful of adds to memory that mostly belongs to the processor it runs on, since
// every append does it; reading adds the shards up.
#pragma once

#include <prometheus/collectable.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::observability {

struct RpcName {
  std::string_view service;  // "eventstore.v1.EventStore"
  std::string_view method;   // "Append"
  bool streams = false;      // messages and bytes are counted
  bool endless = false;      // lasts as long as its client likes: its duration tells nothing
};

// "OK", "INVALID_ARGUMENT" and so on; "UNKNOWN" for what is none of gRPC's codes.
std::string_view CodeName(int code);

// Thread-safe.
class RpcFigures final : public prometheus::Collectable {
 public:
  // An RPC is its place in `names` from here on.
  explicit RpcFigures(std::vector<RpcName> names);
  ~RpcFigures() override;

  const RpcName& name(std::size_t rpc) const { return names_[rpc]; }

  void Began(std::size_t rpc);
  // `code` as gRPC numbers them.
  void Ended(std::size_t rpc, int code, std::chrono::nanoseconds took);
  // Beside Ended(): the reason in an error's ErrorInfo. Reasons are ours, so there are few; only errors come here, and
  // they may wait for each other.
  void Failed(std::size_t rpc, std::string_view reason);
  // Something was refused for the limit of this name, one of ours.
  void Limited(std::string_view limit);
  void Received(std::size_t rpc, std::size_t bytes);
  void Sent(std::size_t rpc, std::size_t bytes);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Cells;
  struct Sum;

  Cells& CellsOf(std::size_t rpc);
  Sum SumOf(std::size_t rpc) const;

  const std::vector<RpcName> names_;
  std::unique_ptr<Cells[]> cells_;  // those of one processor side by side
  mutable std::mutex mutex_;
  std::map<std::pair<std::size_t, std::string>, std::uint64_t, std::less<>> reasons_;
  std::map<std::string, std::uint64_t, std::less<>> limits_;
};

}  // namespace eventstore::observability
