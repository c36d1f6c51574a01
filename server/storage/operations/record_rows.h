// Columns of operational records, and rows of them as the domain has them.
#pragma once

#include <optional>
#include <string>

#include "server/domain/operations/records.h"
#include "server/storage/pq_compat.h"

namespace eventstore::storage {

// In the order in which the functions below read them. Each fits into SELECT, and behind RETURNING.
inline constexpr char kTriggerEventColumns[] =
    "id, (extract(epoch FROM created) * 1000000)::bigint, trigger_ref, trigger_id, source, rule_ref, payload, "
    "correlation_id";
inline constexpr char kEnforcementColumns[] =
    "id, (extract(epoch FROM created) * 1000000)::bigint, rule_ref, rule_id, trigger_ref, event_id, status, "
    "(extract(epoch FROM resolved_at) * 1000000)::bigint, condition, payload, correlation_id";
inline constexpr char kExecutionColumns[] =
    "id, (extract(epoch FROM created) * 1000000)::bigint, (extract(epoch FROM updated) * 1000000)::bigint, action_ref, "
    "action_id, enforcement_id, parent_id, worker_id, status, parameters, result, "
    "(extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM finished_at) * 1000000)::bigint, "
    "correlation_id";
inline constexpr char kWorkerColumns[] =
    "id, name, host, worker_type, status, capabilities, (extract(epoch FROM last_heartbeat) * 1000000)::bigint, "
    "(extract(epoch FROM created) * 1000000)::bigint, (extract(epoch FROM updated) * 1000000)::bigint";

// A text that is no id or status throws, as rows whose text does not convert do.
domain::TriggerEvent TriggerEventFrom(const pqxx::row& row);
domain::Enforcement EnforcementFrom(const pqxx::row& row);
domain::Execution ExecutionFrom(const pqxx::row& row);
domain::Worker WorkerFrom(const pqxx::row& row);

// As a parameter.
std::optional<std::string> TextOf(const std::optional<domain::Uuid>& id);

}  // namespace eventstore::storage
