#include "server/service/rpc.h"

namespace eventstore::service {
namespace {

constexpr char kEventStore[] = "eventstore.v1.EventStore";
constexpr char kSubscriptions[] = "eventstore.v1.Subscriptions";
constexpr char kHousekeeper[] = "eventstore.v1.Housekeeper";

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
  };
}

}  // namespace eventstore::service
