#include "server/storage/analytics/definitions.h"

#include <array>

namespace eventstore::storage {
namespace {

using domain::Aggregate;

constexpr std::array<HourlyDefinition, 7> kDefinitions{{
    {Aggregate::kExecutionStatus, "execution_status_hourly", "execution_history", "count_execution_status", "bucket",
     "action_ref", "new_status", "transition_count"},
    {Aggregate::kExecutionThroughput, "execution_throughput_hourly", "execution_history", "count_execution_throughput",
     "bucket", "action_ref", nullptr, "execution_count"},
    {Aggregate::kEventVolume, "event_volume_hourly", "event", "count_event_volume", "bucket", "trigger_ref", nullptr,
     "event_count"},
    {Aggregate::kWorkerStatus, "worker_status_hourly", "worker_history", "count_worker_status", "bucket", "worker_name",
     "new_status", "transition_count"},
    {Aggregate::kEnforcementVolume, "enforcement_volume_hourly", "enforcement", "count_enforcement_volume", "bucket",
     "rule_ref", nullptr, "enforcement_count"},
    {Aggregate::kExecutionVolume, "execution_volume_hourly", "execution", "count_execution_volume", "bucket",
     "action_ref", "initial_status", "execution_count"},
    {Aggregate::kDomainEventVolume, kEventsHourly, "events_v2", "count_events_v2", "hour", "event_type",
     "aggregate_type", "events"},
}};

}  // namespace

std::span<const HourlyDefinition> HourlyDefinitions() { return kDefinitions; }

// In the order of the enum; a test holds it so.
const HourlyDefinition& DefinitionOf(Aggregate aggregate) {
  return kDefinitions.at(static_cast<std::size_t>(aggregate));
}

}  // namespace eventstore::storage
