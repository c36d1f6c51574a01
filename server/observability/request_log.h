// The requests that an operator wants to see: those that failed, and those that took long. One line each, with the ids by
// which a client's log names the same request; never what a request holds. A flood of them is cut, and the log says by
// how many lines, so that it cannot fill the disk.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "server/domain/clock.h"
#include "server/observability/log_format.h"
#include "server/observability/rpc_figures.h"
#include "server/observability/trace_context.h"

namespace eventstore::observability {

struct RequestLogOptions {
  // A call that took so long is slow; 0: none is.
  std::chrono::milliseconds slow{1'000};
  // Lines at once, and a second on average. Faults of the server and what clients brought about have so many each, so that
  // a client's flood does not hide a fault.
  int burst = 50;
  int per_second = 10;
};

struct EndedRequest {
  int code = 0;                  // gRPC's
  std::string_view reason = {};  // of the ErrorInfo; empty: none
  std::string_view sqlstate = {};
  std::string_view identity = {};  // who called; empty: not known
  std::chrono::nanoseconds took{};
};

// Thread-safe.
class RequestLog {
 public:
  using Write = std::function<void(spdlog::level::level_enum, std::string_view message, const LogFields&)>;

  RequestLog(RequestLogOptions options, const domain::Clock& clock, Write write);
  // Says what was left out since it last did.
  ~RequestLog();

  // Whether Add() would have something to say of it.
  bool Wants(const RpcName& rpc, const EndedRequest& request) const;
  void Add(const RpcName& rpc, const EndedRequest& request, const RequestIds& ids);
  // Says what was left out, once the flood is over. Cheap when there was none.
  void CatchUp() {
    if (left_out_ > 0) SayLeftOut(false);
  }

  // Lines that were left out since the start.
  std::uint64_t left_out() const { return left_out_ever_; }

 private:
  // Of one kind of lines: fills by so many a second, up to the burst.
  struct Allowance {
    double left = 0;
    domain::MonotonicTime filled;
  };

  bool IsSlow(const RpcName& rpc, const EndedRequest& request) const;
  bool Take(Allowance& allowance);  // holding mutex_
  void SayLeftOut(bool at_once);

  const RequestLogOptions options_;
  const domain::Clock& clock_;
  const Write write_;
  std::atomic<std::uint64_t> left_out_ = 0;  // not said yet
  std::atomic<std::uint64_t> left_out_ever_ = 0;

  std::mutex mutex_;
  Allowance faults_;
  Allowance others_;
  domain::MonotonicTime said_at_;
};

}  // namespace eventstore::observability
