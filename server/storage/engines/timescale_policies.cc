#include "server/storage/engines/timescale_policies.h"

namespace eventstore::storage {
namespace {

// A job is overdue when it should have started an hour ago and does not run.
constexpr Query kPolicies{"timescale_policies", R"sql(
SELECT j.job_id, j.proc_name,
       CASE WHEN NOT j.scheduled THEN 'it is switched off'
            WHEN s.last_run_status = 'Failed'
                THEN format('its last run failed (%s of %s runs did)', s.total_failures, s.total_runs)
            WHEN s.job_status <> 'Running' AND isfinite(s.next_start)
                 AND s.next_start < clock_timestamp() - interval '1 hour'
                THEN format('it should have started at %s', s.next_start)
            ELSE '' END
FROM timescaledb_information.jobs j
LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
WHERE j.hypertable_schema = 'public' AND j.hypertable_name = 'events_v2'
ORDER BY j.job_id
)sql"};

constexpr Query kCompressible{"timescale_compressible", R"sql(
SELECT compression_enabled FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'public' AND hypertable_name = 'events_v2'
)sql"};

constexpr char kEnable[] =
    "ALTER TABLE events_v2 SET (timescaledb.compress, timescaledb.compress_segmentby = 'aggregate_id', "
    "timescaledb.compress_orderby = 'version')";

}  // namespace

absl::StatusOr<std::vector<NativePolicy>> NativePolicies(Session& session) {
  auto rows = session.Run(kPolicies, {});
  if (!rows.ok()) return rows.status();
  std::vector<NativePolicy> policies;
  for (const auto& row : *rows) {
    const std::string problem = row[2].c_str();
    policies.push_back({row[0].as<int>(), row[1].c_str(), problem.empty(), problem});
  }
  return policies;
}

absl::Status EnableCompression(Session& session) {
  auto rows = session.Run(kCompressible, {});
  if (!rows.ok()) return rows.status();
  if (!rows->empty() && (*rows)[0][0].as<bool>()) return absl::OkStatus();
  return session.RunScript(kEnable).status();
}

}  // namespace eventstore::storage
