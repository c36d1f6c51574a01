#include "server/server_metrics.h"

#include <grpcpp/grpcpp.h>
#include <prometheus/metric_family.h>

#include <cstring>
#include <utility>

#include "server/observability/upkeep_metrics.h"
#include "server/version/version.h"

namespace eventstore {
namespace {

using observability::Metrics;
using observability::Sample;
using prometheus::MetricFamily;
using prometheus::MetricType;
using enum observability::MetricKind;

// A batch holds up to 2,000 events, and as many requests as fit.
const prometheus::Histogram::BucketBoundaries kSizes = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
const prometheus::Histogram::BucketBoundaries kSeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                          0.1,    0.25,  0.5,    1,     2.5,  10,    30};

MetricFamily FamilyOf(const char* name, const char* help, const prometheus::Histogram& histogram) {
  return {name, help, MetricType::Histogram, {histogram.Collect()}};
}

MetricFamily CounterOf(const char* name, const char* help, std::uint64_t value) {
  MetricFamily family{name, help, MetricType::Counter, {}};
  family.metric.emplace_back().counter.value = static_cast<double>(value);
  return family;
}

void AddLabelled(MetricFamily& family, const char* label, std::string value, std::uint64_t count) {
  auto& metric = family.metric.emplace_back();
  metric.label.push_back({label, std::move(value)});
  metric.counter.value = static_cast<double>(count);
}

void AddWrites(Metrics& metrics, const MeasuredParts& parts) {
  const auto& appender = parts.appender;
  metrics.Add(kGauge, "eventstore_append_queue_requests", "Appends waiting for their lane.",
              [&] { return static_cast<double>(appender.queued()); });
  const auto by_lane = [&](auto member) {
    return [&appender, member] {
      std::vector<Sample> samples;
      for (const auto& queue : appender.queues()) {
        samples.push_back({{{"lane", std::to_string(samples.size())}}, static_cast<double>(queue.*member)});
      }
      return samples;
    };
  };
  using Queue = storage::Appender::LaneQueue;
  metrics.AddLabelled(kGauge, "eventstore_append_lane_queue_requests", "Appends waiting, by lane.",
                      by_lane(&Queue::requests));
  metrics.AddLabelled(kGauge, "eventstore_append_lane_queue_bytes", "Data and metadata of those.",
                      by_lane(&Queue::bytes));
  metrics.Add(kGauge, "eventstore_append_lane_queue_max_requests", "How many may wait in one lane.",
              [&] { return static_cast<double>(appender.queue_limits().requests); });
  metrics.Add(kGauge, "eventstore_append_lane_queue_max_bytes", "How many bytes may wait in one lane.",
              [&] { return static_cast<double>(appender.queue_limits().bytes); });
  metrics.Add(kCounter, "eventstore_appended_events_total", "Events committed by this process.",
              [&] { return static_cast<double>(appender.appended_events()); });
  metrics.Add(kCounter, "eventstore_append_transactions_total", "Transactions committed by this process.",
              [&] { return static_cast<double>(appender.transactions()); });
  metrics.AddCollectable(parts.appends);
}

// Operational records: their pool reads and writes.
void AddOperations(Metrics& metrics, const storage::ReadExecutor& pool, const subscriptions::ChangeTail& tail) {
  metrics.Add(kGauge, "eventstore_operations_queue_requests", "Calls of Operations waiting for a connection.",
              [&] { return static_cast<double>(pool.queued()); });
  metrics.Add(kGauge, "eventstore_operations_queue_max_requests", "How many may wait.",
              [&] { return static_cast<double>(pool.max_queue()); });
  metrics.Add(kGauge, "eventstore_operations_connections", "Database connections that serve Operations.",
              [&] { return static_cast<double>(pool.connections()); });
  metrics.Add(kGauge, "eventstore_operations_connections_busy", "Those that work at the moment.",
              [&] { return static_cast<double>(pool.busy()); });
  metrics.Add(kGauge, "eventstore_watchers", "Calls of Operations.Watch in this process.",
              [&] { return static_cast<double>(tail.listeners()); });
}

void AddReads(Metrics& metrics, const storage::ReadExecutor& readers) {
  metrics.Add(kGauge, "eventstore_read_queue_requests", "Reads waiting for a connection.",
              [&] { return static_cast<double>(readers.queued()); });
  metrics.Add(kGauge, "eventstore_read_queue_max_requests", "How many may wait.",
              [&] { return static_cast<double>(readers.max_queue()); });
  metrics.Add(kGauge, "eventstore_read_connections", "Database connections that serve reads.",
              [&] { return static_cast<double>(readers.connections()); });
  metrics.Add(kGauge, "eventstore_read_connections_busy", "Those that read at the moment.",
              [&] { return static_cast<double>(readers.busy()); });
}

void AddSubscriptions(Metrics& metrics, const MeasuredParts& parts) {
  metrics.Add(kGauge, "eventstore_subscriptions", "Subscribers of this process.",
              [&tail = parts.tail] { return static_cast<double>(tail.listeners()); });
  metrics.Add(kGauge, "eventstore_subscription_horizon_lag_seconds",
              "How long an append that is under way has been holding back what subscribers get.",
              [&tail = parts.tail] { return std::chrono::duration<double>(tail.horizon_lag()).count(); });
  metrics.Add(kGauge, "eventstore_consumer_groups", "Consumer groups at work in this process.",
              [&groups = parts.groups] { return static_cast<double>(groups.groups()); });
  metrics.Add(kGauge, "eventstore_consumers", "Consumers of groups that are connected to this process.",
              [&groups = parts.groups] { return static_cast<double>(groups.consumers()); });
  metrics.Add(kCounter, "eventstore_parked_events_total", "Events that consumer groups of this process have set aside.",
              [&groups = parts.groups] { return static_cast<double>(groups.parked()); });
  using subscriptions::GroupSample;
  const auto of_each = [&sampler = parts.group_sampler](auto member) {
    return [&sampler, member] {
      std::vector<Sample> samples;
      for (const auto& group : sampler.Last()) {
        samples.push_back({{{"group", group.name}}, static_cast<double>(group.*member)});
      }
      return samples;
    };
  };
  metrics.AddLabelled(kGauge, "eventstore_consumer_group_members", "Consumers of the group, on any server.",
                      of_each(&GroupSample::members));
  metrics.AddLabelled(kGauge, "eventstore_consumer_group_lag_events",
                      "Events that the group has not handled, counted up to 10,000.",
                      of_each(&GroupSample::lag_events));
  metrics.AddLabelled(kGauge, "eventstore_consumer_group_lag_seconds", "Age of the oldest of those.",
                      of_each(&GroupSample::lag_seconds));
  metrics.AddLabelled(kGauge, "eventstore_consumer_group_parked_events", "Events that the group has set aside.",
                      of_each(&GroupSample::parked));
}

}  // namespace

AppendFigures::AppendFigures() : requests_(kSizes), events_(kSizes), seconds_(kSeconds) {}

void AppendFigures::OnBatch(const storage::BatchFigures& batch) {
  requests_.Observe(static_cast<double>(batch.requests));
  seconds_.Observe(std::chrono::duration<double>(batch.took).count());
  if (batch.events > 0) events_.Observe(static_cast<double>(batch.events));
}

void AppendFigures::OnLostCommit(const char* outcome) {
  if (std::strcmp(outcome, "committed") == 0) {
    ++found_committed_;
  } else if (std::strcmp(outcome, "not committed") == 0) {
    ++found_not_committed_;
  } else {
    ++found_unknown_;
  }
}

void AppendFigures::OnRefused(const absl::Status& status) {
  const auto reason = static_cast<std::size_t>(domain::FromStatus(status).reason);
  ++refused_[std::min(reason, kReasons - 1)];
}

std::vector<MetricFamily> AppendFigures::Collect() const {
  MetricFamily appends{
      "eventstore_append_requests_total",
      "Appends, those of streams included, by what came of them: written, repeated (stored before), or "
      "the reason they were refused with.",
      MetricType::Counter,
      {}};
  AddLabelled(appends, "result", "written", written_);
  AddLabelled(appends, "result", "repeated", repeated_);
  for (std::size_t i = 0; i < kReasons; ++i) {
    const auto reason = static_cast<domain::Reason>(i);
    // The two that alerts ask for from the start, so that the first one shows as a rate.
    const bool always = reason == domain::Reason::kVersionConflict || reason == domain::Reason::kQueueFull;
    if (always || refused_[i] > 0) {
      AddLabelled(appends, "result", std::string(domain::ReasonName(reason)), refused_[i]);
    }
  }
  MetricFamily lost{"eventstore_append_lost_commits_total",
                    "Connections lost at commit, by what was found to have become of the transaction.",
                    MetricType::Counter,
                    {}};
  AddLabelled(lost, "outcome", "committed", found_committed_);
  AddLabelled(lost, "outcome", "not_committed", found_not_committed_);
  AddLabelled(lost, "outcome", "unknown", found_unknown_);
  return {appends,
          FamilyOf("eventstore_append_batch_requests", "Requests that a lane decided at once.", requests_),
          FamilyOf("eventstore_append_batch_events", "Events of one transaction.", events_),
          FamilyOf("eventstore_append_batch_duration_seconds",
                   "How long a lane took to decide a batch and to commit what there was to write.", seconds_),
          CounterOf("eventstore_append_batch_reruns_total",
                    "Batches that failed in the database and were run again one by one.", reruns_),
          lost};
}

void AddServerMetrics(Metrics& metrics, const MeasuredParts& parts) {
  const std::vector<Sample> build = {{{{"version", kBuildVersion.version},
                                       {"commit", ShortCommit()},
                                       {"engine", parts.identity.engine},
                                       {"edition", parts.identity.edition},
                                       {"grpc", grpc::Version()}},
                                      1}};
  metrics.AddLabelled(kGauge, "eventstore_build_info", "Always 1; what is running is in the labels.",
                      [build] { return build; });
  metrics.Add(kGauge, "eventstore_serving", "1 while the database answers and the server is not draining.",
              [&health = parts.health] { return health.serving() ? 1 : 0; });
  metrics.Add(kCounter, "eventstore_grpc_connections_cut_total",
              "Connections cut since their clients began calls and reset them, over and over.",
              [&server = parts.server] { return static_cast<double>(server.connections_cut()); });
  metrics.Add(kGauge, "eventstore_tls_certificate_expiry_timestamp_seconds",
              "When the certificate that is served expires, in seconds since 1970; 0: without TLS.",
              [certificate = parts.certificate] {
                if (certificate == nullptr) return 0.0;
                return static_cast<double>(certificate->Get()->expires_at) / domain::kMicrosPerSecond;
              });
  AddWrites(metrics, parts);
  AddReads(metrics, parts.readers);
  AddOperations(metrics, parts.operations_pool, parts.change_tail);
  AddSubscriptions(metrics, parts);
  observability::AddUpkeepMetrics(metrics, parts.upkeep);
  metrics.Add(kCounter, "eventstore_log_requests_left_out_total",
              "Requests that failed or were slow and are not in the log, since there were too many.",
              [&log = parts.request_log] { return static_cast<double>(log.left_out()); });
  metrics.AddCollectable(parts.rpcs);
  observability::AddProcessMetrics(metrics);
}

}  // namespace eventstore
