// The RPCs of our services, as those who count and log them know them.
#pragma once

#include <cstddef>
#include <vector>

#include "server/observability/rpc_figures.h"

namespace eventstore::service {

enum class Rpc {
  kAppend,
  kAppendBatch,
  kAppendStream,
  kGetAggregateStream,
  kGetAggregateVersion,
  kGetUserStream,
  kGetCorrelatedEvents,
  kCountEvents,
  kReadAll,
  kSubscribe,
  kConsume,
  kCreateConsumerGroup,
  kListConsumerGroups,
  kGetConsumerGroup,
  kUpdateConsumerGroup,
  kDeleteConsumerGroup,
  kResetConsumerGroup,
  kListParkedEvents,
  kReplayParkedEvents,
  kDiscardParkedEvents,
  kListTasks,
  kRunTask,
  kListRuns,
  kGetPartitionStatus,
  kUpdateSchedule,
  kListAuditLog,
  kRecordEvent,
  kCreateEnforcement,
  kResolveEnforcement,
  kCreateExecution,
  kMoveExecution,
  kRegisterWorker,
  kHeartbeatWorker,
  kDrainWorker,
  kDeregisterWorker,
  kGetEvent,
  kGetEnforcement,
  kGetExecution,
  kGetWorker,
  kListEvents,
  kListEnforcements,
  kListExecutions,
  kListWorkers,
  kGetHistory,
  kWatch,
  kGetCounts,
  kGetTopRefs,
  kGetFailureRate,
  kGetThroughput,
  kListAggregates,
  kEraseSubject,
  kListErasures,
};

// The name of each, in the order of Rpc.
std::vector<observability::RpcName> RpcNames();

}  // namespace eventstore::service
