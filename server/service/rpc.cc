#include "server/service/rpc.h"

namespace eventstore::service {
namespace {

constexpr char kEventStore[] = "eventstore.v1.EventStore";
constexpr char kSubscriptions[] = "eventstore.v1.Subscriptions";
constexpr char kHousekeeper[] = "eventstore.v1.Housekeeper";
constexpr char kOperations[] = "eventstore.v1.Operations";
constexpr char kAnalytics[] = "eventstore.v1.Analytics";
constexpr char kErasure[] = "eventstore.v1.Erasure";

}  // namespace

std::vector<observability::RpcName> RpcNames() {
  return {
      {.service = kEventStore, .method = "Append"},
      {.service = kEventStore, .method = "AppendBatch"},
      {.service = kEventStore, .method = "AppendStream", .streams = true, .endless = true},
      {.service = kEventStore, .method = "GetAggregateStream", .streams = true},
      {.service = kEventStore, .method = "GetAggregateVersion"},
      {.service = kEventStore, .method = "GetUserStream", .streams = true},
      {.service = kEventStore, .method = "GetCorrelatedEvents", .streams = true},
      {.service = kEventStore, .method = "CountEvents"},
      {.service = kEventStore, .method = "ReadAll", .streams = true},
      {.service = kSubscriptions, .method = "Subscribe", .streams = true, .endless = true},
      {.service = kSubscriptions, .method = "Consume", .streams = true, .endless = true},
      {.service = kSubscriptions, .method = "CreateConsumerGroup"},
      {.service = kSubscriptions, .method = "ListConsumerGroups"},
      {.service = kSubscriptions, .method = "GetConsumerGroup"},
      {.service = kSubscriptions, .method = "UpdateConsumerGroup"},
      {.service = kSubscriptions, .method = "DeleteConsumerGroup"},
      {.service = kSubscriptions, .method = "ResetConsumerGroup"},
      {.service = kSubscriptions, .method = "ListParkedEvents"},
      {.service = kSubscriptions, .method = "ReplayParkedEvents"},
      {.service = kSubscriptions, .method = "DiscardParkedEvents"},
      {.service = kHousekeeper, .method = "ListTasks"},
      {.service = kHousekeeper, .method = "RunTask", .streams = true, .endless = true},
      {.service = kHousekeeper, .method = "ListRuns"},
      {.service = kHousekeeper, .method = "GetPartitionStatus"},
      {.service = kHousekeeper, .method = "UpdateSchedule"},
      {.service = kHousekeeper, .method = "ListAuditLog"},
      {.service = kOperations, .method = "RecordEvent"},
      {.service = kOperations, .method = "CreateEnforcement"},
      {.service = kOperations, .method = "ResolveEnforcement"},
      {.service = kOperations, .method = "CreateExecution"},
      {.service = kOperations, .method = "MoveExecution"},
      {.service = kOperations, .method = "RegisterWorker"},
      {.service = kOperations, .method = "HeartbeatWorker"},
      {.service = kOperations, .method = "DrainWorker"},
      {.service = kOperations, .method = "DeregisterWorker"},
      {.service = kOperations, .method = "GetEvent"},
      {.service = kOperations, .method = "GetEnforcement"},
      {.service = kOperations, .method = "GetExecution"},
      {.service = kOperations, .method = "GetWorker"},
      {.service = kOperations, .method = "ListEvents"},
      {.service = kOperations, .method = "ListEnforcements"},
      {.service = kOperations, .method = "ListExecutions"},
      {.service = kOperations, .method = "ListWorkers"},
      {.service = kOperations, .method = "GetHistory"},
      {.service = kOperations, .method = "Watch", .streams = true, .endless = true},
      {.service = kAnalytics, .method = "GetCounts"},
      {.service = kAnalytics, .method = "GetTopRefs"},
      {.service = kAnalytics, .method = "GetFailureRate"},
      {.service = kAnalytics, .method = "GetThroughput"},
      {.service = kAnalytics, .method = "ListAggregates"},
      {.service = kErasure, .method = "EraseSubject"},
      {.service = kErasure, .method = "ListErasures"},
  };
}

}  // namespace eventstore::service
