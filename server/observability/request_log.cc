#include "server/observability/request_log.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"

namespace eventstore::observability {
namespace {

using std::chrono::duration;

// How soon it is said again that lines are left out.
constexpr std::chrono::seconds kPause{5};

// As gRPC numbers them.
constexpr int kOk = 0;
constexpr int kCancelled = 1;
constexpr int kUnknown = 2;
constexpr int kDeadlineExceeded = 4;
constexpr int kResourceExhausted = 8;
constexpr int kFailedPrecondition = 9;
// And what comes after, UNAVAILABLE and DATA_LOSS; but not the last.
constexpr int kInternal = 13;
constexpr int kUnauthenticated = 16;

// Of the server or what it stands on; everything else a client brought about and can mend.
bool IsFault(int code, std::string_view reason) {
  // A limit of one identity tells of that one.
  if (reason == "RATE_LIMITED" || reason == "TOO_MANY_CALLS") return false;
  return code == kUnknown || code == kDeadlineExceeded || code == kResourceExhausted || code == kFailedPrecondition ||
         (code >= kInternal && code != kUnauthenticated);
}

}  // namespace

RequestLog::RequestLog(RequestLogOptions options, const domain::Clock& clock, Write write)
    : options_(options), clock_(clock), write_(std::move(write)), said_at_(clock.Monotonic()) {
  faults_ = others_ = {static_cast<double>(options_.burst), said_at_};
}

RequestLog::~RequestLog() {
  if (left_out_ > 0) SayLeftOut(true);
}

bool RequestLog::IsSlow(const RpcName& rpc, const EndedRequest& request) const {
  return options_.slow.count() > 0 && !rpc.endless && request.took >= options_.slow;
}

bool RequestLog::Wants(const RpcName& rpc, const EndedRequest& request) const {
  // A client that leaves a stream without an end has ended it the only way there is.
  if (request.code == kCancelled && rpc.endless) return false;
  return request.code != kOk || IsSlow(rpc, request);
}

bool RequestLog::Take(Allowance& allowance) {
  const auto now = clock_.Monotonic();
  const double earned = duration<double>(now - allowance.filled).count() * options_.per_second;
  allowance.left = std::min<double>(allowance.left + earned, options_.burst);
  allowance.filled = now;
  if (allowance.left < 1) return false;
  allowance.left -= 1;
  return true;
}

void RequestLog::Add(const RpcName& rpc, const EndedRequest& request, const RequestIds& ids) {
  if (!Wants(rpc, request)) return;
  const bool fault = IsFault(request.code, request.reason);
  {
    const std::scoped_lock lock(mutex_);
    if (!Take(fault ? faults_ : others_)) {
      ++left_out_;
      ++left_out_ever_;
      return;
    }
  }
  LogFields fields = {{"method", fmt::format("{}/{}", rpc.service, rpc.method)},
                      {"status", std::string(CodeName(request.code))}};
  if (!request.reason.empty()) fields.emplace_back("reason", std::string(request.reason));
  if (!request.sqlstate.empty()) fields.emplace_back("sqlstate", std::string(request.sqlstate));
  if (!request.identity.empty()) fields.emplace_back("identity", std::string(request.identity));
  fields.emplace_back("duration_ms", duration<double, std::milli>(request.took).count());
  fields.emplace_back("request_id", ids.request_id);
  fields.emplace_back("trace_id", ids.trace.TraceId());
  const bool slow = IsSlow(rpc, request);
  write_(fault || slow ? spdlog::level::warn : spdlog::level::info,
         request.code != kOk ? "request failed" : "request was slow", fields);
}

void RequestLog::SayLeftOut(bool at_once) {
  std::uint64_t left_out = 0;
  {
    const std::scoped_lock lock(mutex_);
    const auto now = clock_.Monotonic();
    if (!at_once && now - said_at_ < kPause) return;
    said_at_ = now;
    left_out = left_out_.exchange(0);
  }
  if (left_out == 0) return;
  write_(spdlog::level::warn, "requests that failed or were slow were left out of the log, since there were too many",
         {{"left_out", static_cast<double>(left_out)}});
}

}  // namespace eventstore::observability
