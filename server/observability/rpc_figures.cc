#include "server/observability/rpc_figures.h"

#include <prometheus/metric_family.h>
#include <sched.h>

#include <algorithm>
#include <limits>

namespace eventstore::observability {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using std::chrono::nanoseconds;

// More processors than this share, which costs a little time and nothing else.
constexpr std::size_t kShards = 16;

constexpr std::array<std::string_view, 17> kCodes = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};
constexpr std::size_t kUnknown = 2;

// From an append on a fast disk to a call that waited for its deadline.
constexpr std::array<nanoseconds, 15> kBounds = {
    std::chrono::microseconds{250},  std::chrono::microseconds{500}, std::chrono::milliseconds{1},
    std::chrono::microseconds{2500}, std::chrono::milliseconds{5},   std::chrono::milliseconds{10},
    std::chrono::milliseconds{25},   std::chrono::milliseconds{50},  std::chrono::milliseconds{100},
    std::chrono::milliseconds{250},  std::chrono::milliseconds{500}, std::chrono::seconds{1},
    std::chrono::milliseconds{2500}, std::chrono::seconds{10},       std::chrono::seconds{30}};

std::size_t CodeIndex(int code) {
  return code >= 0 && static_cast<std::size_t>(code) < kCodes.size() ? static_cast<std::size_t>(code) : kUnknown;
}

using Labels = std::vector<ClientMetric::Label>;

Labels LabelsOf(const RpcName& name) {
  return {{"service", std::string(name.service)}, {"method", std::string(name.method)}};
}

ClientMetric& Add(MetricFamily& family, Labels labels) {
  auto& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  return metric;
}

void AddCounter(MetricFamily& family, Labels labels, std::uint64_t value) {
  Add(family, std::move(labels)).counter.value = static_cast<double>(value);
}

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

std::string_view CodeName(int code) { return kCodes[CodeIndex(code)]; }

struct alignas(64) RpcFigures::Cells {
  using Cell = std::atomic<std::uint64_t>;
  Cell began = 0;
  Cell nanos = 0;
  std::array<Cell, kCodes.size()> ended{};
  std::array<Cell, kBounds.size() + 1> buckets{};
  Cell received = 0;
  Cell received_bytes = 0;
  Cell sent = 0;
  Cell sent_bytes = 0;
};

struct RpcFigures::Sum {
  std::uint64_t began = 0;
  std::uint64_t nanos = 0;
  std::array<std::uint64_t, kCodes.size()> ended{};
  std::array<std::uint64_t, kBounds.size() + 1> buckets{};
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
};

RpcFigures::RpcFigures(std::vector<RpcName> names)
    : names_(std::move(names)), cells_(std::make_unique<Cells[]>(kShards * names_.size())) {
  // Those of an identity from the start, so that the first refusal shows as a rate.
  for (const char* limit :
       {"max_requests_per_second", "max_appends_per_second", "max_calls_in_flight", "max_streams_per_identity"}) {
    limits_[limit] = 0;
  }
}

RpcFigures::~RpcFigures() = default;

RpcFigures::Cells& RpcFigures::CellsOf(std::size_t rpc) {
  // -1 where the system cannot tell.
  const auto shard = static_cast<std::size_t>(std::max(sched_getcpu(), 0)) % kShards;
  return cells_[shard * names_.size() + rpc];
}

void RpcFigures::Began(std::size_t rpc) { CellsOf(rpc).began.fetch_add(1, kRelaxed); }

void RpcFigures::Ended(std::size_t rpc, int code, nanoseconds took) {
  Cells& cells = CellsOf(rpc);
  if (!names_[rpc].endless) {
    const auto bucket = std::ranges::lower_bound(kBounds, took) - kBounds.begin();
    cells.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, kRelaxed);
    cells.nanos.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)), kRelaxed);
  }
  cells.ended[CodeIndex(code)].fetch_add(1, kRelaxed);
}

void RpcFigures::Failed(std::size_t rpc, std::string_view reason) {
  const std::scoped_lock lock(mutex_);
  ++reasons_[{rpc, std::string(reason)}];
}

void RpcFigures::Limited(std::string_view limit) {
  const std::scoped_lock lock(mutex_);
  ++limits_[std::string(limit)];
}

void RpcFigures::Received(std::size_t rpc, std::size_t bytes) {
  Cells& cells = CellsOf(rpc);
  cells.received.fetch_add(1, kRelaxed);
  cells.received_bytes.fetch_add(bytes, kRelaxed);
}

void RpcFigures::Sent(std::size_t rpc, std::size_t bytes) {
  Cells& cells = CellsOf(rpc);
  cells.sent.fetch_add(1, kRelaxed);
  cells.sent_bytes.fetch_add(bytes, kRelaxed);
}

RpcFigures::Sum RpcFigures::SumOf(std::size_t rpc) const {
  Sum sum;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    const Cells& cells = cells_[shard * names_.size() + rpc];
    sum.nanos += cells.nanos.load(kRelaxed);
    for (std::size_t i = 0; i < sum.ended.size(); ++i) sum.ended[i] += cells.ended[i].load(kRelaxed);
    for (std::size_t i = 0; i < sum.buckets.size(); ++i) sum.buckets[i] += cells.buckets[i].load(kRelaxed);
    sum.received += cells.received.load(kRelaxed);
    sum.received_bytes += cells.received_bytes.load(kRelaxed);
    sum.sent += cells.sent.load(kRelaxed);
    sum.sent_bytes += cells.sent_bytes.load(kRelaxed);
  }
  // After the ends: a call that goes by meanwhile shows as under way, never as less than none.
  for (std::size_t shard = 0; shard < kShards; ++shard)
    sum.began += cells_[shard * names_.size() + rpc].began.load(kRelaxed);
  return sum;
}

std::vector<MetricFamily> RpcFigures::Collect() const {
  MetricFamily requests{"eventstore_rpc_requests_total", "Calls that ended, by gRPC code.", MetricType::Counter, {}};
  MetricFamily errors{
      "eventstore_rpc_errors_total", "Calls that failed, by the reason of their ErrorInfo.", MetricType::Counter, {}};
  MetricFamily limited{"eventstore_refused_by_limit_total",
                       "Calls, and items of AppendStream, that were refused for a limit, by its name.",
                       MetricType::Counter,
                       {}};
  MetricFamily in_flight{"eventstore_rpc_in_flight", "Calls under way.", MetricType::Gauge, {}};
  MetricFamily duration{"eventstore_rpc_duration_seconds",
                        "From the arrival of a call until its last answer is handed to gRPC; not of calls that last as "
                        "long as their client likes.",
                        MetricType::Histogram,
                        {}};
  MetricFamily received{
      "eventstore_rpc_messages_received_total", "Messages that came on streams of clients.", MetricType::Counter, {}};
  MetricFamily received_bytes{"eventstore_rpc_received_bytes_total", "Their bytes, as sent.", MetricType::Counter, {}};
  MetricFamily sent{"eventstore_rpc_messages_sent_total",
                    "Messages that were handed to gRPC on streams to clients.",
                    MetricType::Counter,
                    {}};
  MetricFamily sent_bytes{"eventstore_rpc_sent_bytes_total", "Their bytes, as sent.", MetricType::Counter, {}};
  for (std::size_t rpc = 0; rpc < names_.size(); ++rpc) {
    const Sum sum = SumOf(rpc);
    std::uint64_t ended = 0;
    for (std::size_t code = 0; code < kCodes.size(); ++code) {
      ended += sum.ended[code];
      // OK from the start, so that the first call shows as a rate.
      if (code != 0 && sum.ended[code] == 0) continue;
      Labels labels = LabelsOf(names_[rpc]);
      labels.push_back({"code", std::string(kCodes[code])});
      AddCounter(requests, std::move(labels), sum.ended[code]);
    }
    Add(in_flight, LabelsOf(names_[rpc])).gauge.value = static_cast<double>(std::max(sum.began, ended) - ended);
    if (names_[rpc].streams) {
      AddCounter(received, LabelsOf(names_[rpc]), sum.received);
      AddCounter(received_bytes, LabelsOf(names_[rpc]), sum.received_bytes);
      AddCounter(sent, LabelsOf(names_[rpc]), sum.sent);
      AddCounter(sent_bytes, LabelsOf(names_[rpc]), sum.sent_bytes);
    }
    if (names_[rpc].endless) continue;
    auto& histogram = Add(duration, LabelsOf(names_[rpc])).histogram;
    for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
      histogram.sample_count += sum.buckets[i];
      histogram.bucket.push_back({histogram.sample_count, i < kBounds.size()
                                                              ? std::chrono::duration<double>(kBounds[i]).count()
                                                              : std::numeric_limits<double>::infinity()});
    }
    histogram.sample_sum = static_cast<double>(sum.nanos) / 1e9;
  }
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [key, count] : reasons_) {
      Labels labels = LabelsOf(names_[key.first]);
      labels.push_back({"reason", key.second});
      AddCounter(errors, std::move(labels), count);
    }
    for (const auto& [limit, count] : limits_) AddCounter(limited, {{"limit", limit}}, count);
  }
  return {requests, errors, limited, in_flight, duration, received, received_bytes, sent, sent_bytes};
}

}  // namespace eventstore::observability
