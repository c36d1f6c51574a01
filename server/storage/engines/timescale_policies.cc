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

// The statement, unless it can be compressed already.
constexpr Query kEnable{"timescale_enable_compression", R"sql(
SELECT format('ALTER TABLE public.%I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, '
              'timescaledb.compress_orderby = %L)', hypertable_name, quote_ident($2::text), quote_ident($3::text))
FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'public' AND hypertable_name = $1 AND NOT compression_enabled
)sql"};

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
  return EnableCompression(session, "events_v2", "aggregate_id", "version");
}

absl::Status EnableCompression(Session& session, const std::string& table, const std::string& by,
                               const std::string& order) {
  auto rows = session.Run(kEnable, {table, by, order});
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return absl::OkStatus();
  return session.RunScript((*rows)[0][0].c_str()).status();
}

}  // namespace eventstore::storage
