// What /metrics of eventstored shows: the parts, and what is counted of each.
#pragma once

#include <prometheus/histogram.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "server/domain/error.h"
#include "server/observability/metrics.h"
#include "server/observability/request_log.h"
#include "server/observability/rpc_figures.h"
#include "server/observability/upkeep_snapshot.h"
#include "server/service/health_monitor.h"
#include "server/service/server.h"
#include "server/storage/appender.h"
#include "server/storage/read_executor.h"
#include "server/storage/store_identity.h"
#include "server/subscriptions/change_tail.h"
#include "server/subscriptions/group_coordinator.h"
#include "server/subscriptions/group_sampler.h"
#include "server/subscriptions/tail.h"
#include "server/tls/certificate_watch.h"

namespace eventstore {

// Counts the write path. Thread-safe.
class AppendFigures final : public storage::AppendObserver, public prometheus::Collectable {
 public:
  AppendFigures();

  void OnBatch(const storage::BatchFigures& batch) override;
  void OnRerun() override { ++reruns_; }
  void OnLostCommit(const char* outcome) override;
  void OnWritten() override { ++written_; }
  void OnRepeated() override { ++repeated_; }
  void OnRefused(const absl::Status& status) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  using Count = std::atomic<std::uint64_t>;
  // One for each reason there may be.
  static constexpr std::size_t kReasons = static_cast<std::size_t>(domain::Reason::kInternal) + 1;

  Count reruns_ = 0;
  Count written_ = 0;
  Count repeated_ = 0;
  Count found_committed_ = 0;
  Count found_not_committed_ = 0;
  Count found_unknown_ = 0;
  std::array<Count, kReasons> refused_{};
  // A batch is a transaction, so their locks are nothing beside it.
  prometheus::Histogram requests_;
  prometheus::Histogram events_;
  prometheus::Histogram seconds_;
};

// All outlive the metrics.
struct MeasuredParts {
  const storage::StoreIdentity& identity;
  const observability::RpcFigures& rpcs;
  const observability::RequestLog& request_log;
  const AppendFigures& appends;
  const storage::Appender& appender;
  const storage::ReadExecutor& readers;
  const subscriptions::Tail& tail;
  const storage::ReadExecutor& operations_pool;
  const subscriptions::ChangeTail& change_tail;
  const subscriptions::GroupCoordinator& groups;
  const subscriptions::GroupSampler& group_sampler;
  const service::HealthMonitor& health;
  const service::GrpcServer& server;
  tls::CertificateWatch* certificate;  // null: no TLS
  observability::ReadUpkeep upkeep;
};

void AddServerMetrics(observability::Metrics& metrics, const MeasuredParts& parts);

}  // namespace eventstore
