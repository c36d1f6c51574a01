// Keeps clients from bringing the server down by calls that they begin and reset at once (CVE-2023-44487). gRPC 1.51 frees a
// call's place on its connection with the reset, but the call itself, 10 to 15 KiB, only when it gets round to it, which it
// does not while more of them come in: memory grows by gigabytes and nobody else is answered.
//
// gRPC's own record of connections (channelz) gives it away: what it holds of a connection, calls that were begun and are
// not cleaned up, can only be more than the connection may have at once if calls were reset. A connection that holds more
// than kTimes that many is cut, with all that it has sent and the server has not read.
//
// Invariant: a client that keeps to the limit of calls at once and lets its calls end, or cancels them now and then, is
// never cut.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/observability/own_sockets.h"
#include "server/service/call_count.h"

namespace eventstore::service {

// What gRPC holds of a connection.
struct HeldCalls {
  observability::Peer peer;
  std::int64_t calls = 0;

  bool operator==(const HeldCalls&) const = default;
};

// Calls that the servers of this process have begun, of the answer of grpc_channelz_get_servers, and what a connection
// holds, of that of grpc_channelz_get_socket. What is not to be read counts as 0.
std::int64_t CallsBegun(const std::string& servers_json);
HeldCalls CallsHeldBySocket(const std::string& socket_json);

class ResetGuard {
 public:
  // A call is cleaned up a little after its place is free again, so a busy client holds somewhat more than it may have.
  static constexpr int kTimes = 2;

  // `port`: the server's. `streams`: calls that a connection may have at once, more than 0. `calls`: that reach our services.
  ResetGuard(int port, int streams, const CallCount& calls);
  ~ResetGuard();
  ResetGuard(const ResetGuard&) = delete;
  ResetGuard& operator=(const ResetGuard&) = delete;

  // Connections cut so far.
  std::uint64_t cut() const { return cut_; }

 private:
  void Run();
  void Look();
  void Cut(const std::vector<HeldCalls>& offenders);

  const int port_;
  const std::int64_t streams_;
  const CallCount& calls_;
  std::atomic<std::uint64_t> cut_ = 0;
  // Of the thread: calls that gRPC has begun and that never got to us; the fewest since the connections were looked at.
  std::int64_t lost_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eventstore::service
