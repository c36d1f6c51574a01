// Operational records: what triggers brought, rules that were met, runs of actions, and who runs them. As they are stored.
//
// Ids of other records may dangle: nothing checks them, and what they name may be gone by retention.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

// In the order of the proto's values, which begin with 1.
enum class EnforcementStatus { kCreated, kProcessed, kDisabled };
enum class ExecutionStatus {
  kRequested,
  kScheduled,
  kRunning,
  kCancelling,
  kCompleted,
  kFailed,
  kTimeout,
  kCancelled,
  kAbandoned
};
enum class WorkerStatus { kActive, kDraining, kInactive, kError };

// As the tables have them.
inline constexpr std::array<std::string_view, 3> kEnforcementStatuses{"created", "processed", "disabled"};
inline constexpr std::array<std::string_view, 9> kExecutionStatuses{
    "requested", "scheduled", "running", "cancelling", "completed", "failed", "timeout", "cancelled", "abandoned"};
inline constexpr std::array<std::string_view, 4> kWorkerStatuses{"active", "draining", "inactive", "error"};

inline std::string NameOf(EnforcementStatus status) {
  return std::string(kEnforcementStatuses.at(static_cast<std::size_t>(status)));
}
inline std::string NameOf(ExecutionStatus status) {
  return std::string(kExecutionStatuses.at(static_cast<std::size_t>(status)));
}
inline std::string NameOf(WorkerStatus status) {
  return std::string(kWorkerStatuses.at(static_cast<std::size_t>(status)));
}

// The id of a record that is to be made.
struct NewId {
  Uuid id;
  bool sent = false;  // by the client, so that a repeat can be told
};

struct NewTriggerEvent {
  NewId id = {};
  std::string trigger_ref = {};
  std::optional<Uuid> trigger_id = {};
  std::string source = {};
  std::optional<std::string> rule_ref = {};
  std::string payload = {};  // JSON object text, as all of these
  std::optional<Uuid> correlation_id = {};
};

struct TriggerEvent {
  Uuid id;
  TimeMicros created = 0;
  std::string trigger_ref;
  std::optional<Uuid> trigger_id;
  std::string source;
  std::optional<std::string> rule_ref;
  std::string payload;
  std::optional<Uuid> correlation_id;
};

struct NewEnforcement {
  NewId id = {};
  std::string rule_ref = {};
  std::optional<Uuid> rule_id = {};
  std::string trigger_ref = {};
  std::optional<Uuid> event_id = {};
  std::string condition = {};
  std::string payload = {};
  std::optional<Uuid> correlation_id = {};
};

struct Enforcement {
  Uuid id;
  TimeMicros created = 0;
  std::string rule_ref;
  std::optional<Uuid> rule_id;
  std::string trigger_ref;
  std::optional<Uuid> event_id;
  EnforcementStatus status = EnforcementStatus::kCreated;
  std::optional<TimeMicros> resolved_at;
  std::string condition;
  std::string payload;
  std::optional<Uuid> correlation_id;
};

struct NewExecution {
  NewId id = {};
  std::string action_ref = {};
  std::optional<Uuid> action_id = {};
  std::optional<Uuid> enforcement_id = {};
  std::optional<Uuid> parent_id = {};
  std::string parameters = {};
  std::optional<Uuid> correlation_id = {};
};

struct Execution {
  Uuid id;
  TimeMicros created = 0;
  TimeMicros updated = 0;
  std::string action_ref;
  std::optional<Uuid> action_id;
  std::optional<Uuid> enforcement_id;
  std::optional<Uuid> parent_id;
  std::optional<Uuid> worker_id;
  ExecutionStatus status = ExecutionStatus::kRequested;
  std::string parameters;
  std::optional<std::string> result;
  std::optional<TimeMicros> started_at;
  std::optional<TimeMicros> finished_at;
  std::optional<Uuid> correlation_id;
};

struct NewWorker {
  std::optional<Uuid> id = {};  // that the client sent
  Uuid made_id = {};            // for one that is new, when none was sent
  std::string name = {};
  std::string host = {};
  std::string worker_type = {};
  std::string capabilities = {};
};

struct Worker {
  Uuid id;
  std::string name;
  std::string host;
  std::string worker_type;
  WorkerStatus status = WorkerStatus::kActive;
  std::string capabilities;
  TimeMicros last_heartbeat = 0;
  TimeMicros created = 0;
  TimeMicros updated = 0;
};

}  // namespace eventstore::domain
