// Which role each call needs, and where limits can be kept. Every RPC has a line: the compiler refuses a switch that lacks one.
#pragma once

#include "server/domain/access/rules.h"
#include "server/service/rpc.h"

namespace eventstore::service {

constexpr domain::access::CallRule RuleOf(Rpc rpc) {
  using enum domain::access::Role;
  using domain::access::CallRule;
  switch (rpc) {
    case Rpc::kAppend:
    case Rpc::kAppendBatch:
    case Rpc::kAppendStream:
      return CallRule{{kWriter}, true};
    case Rpc::kGetAggregateStream:
    case Rpc::kGetAggregateVersion:
    case Rpc::kGetUserStream:
    case Rpc::kGetCorrelatedEvents:
    case Rpc::kCountEvents:
    case Rpc::kReadAll:
    case Rpc::kSubscribe:
      return CallRule{{kReader}, true};
    // A group's filter is shared by all its consumers.
    case Rpc::kConsume:
    case Rpc::kListParkedEvents:
      return CallRule{{kReader}};
    case Rpc::kListConsumerGroups:
    case Rpc::kGetConsumerGroup:
      return CallRule{{kReader, kOperator}};
    case Rpc::kCreateConsumerGroup:
    case Rpc::kUpdateConsumerGroup:
    case Rpc::kResetConsumerGroup:
    case Rpc::kReplayParkedEvents:
      return CallRule{{kOperator}};
    // What a group was to handle is gone after these.
    case Rpc::kDeleteConsumerGroup:
    case Rpc::kDiscardParkedEvents:
      return CallRule{{kAdmin}};
    case Rpc::kListAuditLog:
    case Rpc::kListTasks:
    case Rpc::kListRuns:
    case Rpc::kGetPartitionStatus:
    case Rpc::kListErasures:
    case Rpc::kRunTask:  // some runs are an admin's: domain::access::CheckRun
      return CallRule{{kOperator}};
    case Rpc::kUpdateSchedule:
    case Rpc::kEraseSubject:
      return CallRule{{kAdmin}};
    case Rpc::kRecordEvent:
    case Rpc::kCreateEnforcement:
    case Rpc::kResolveEnforcement:
    case Rpc::kCreateExecution:
    case Rpc::kMoveExecution:
    case Rpc::kRegisterWorker:
    case Rpc::kHeartbeatWorker:
      return CallRule{{kWriter}};
    case Rpc::kDrainWorker:
    case Rpc::kDeregisterWorker:
      return CallRule{{kWriter, kOperator}};
    case Rpc::kGetEvent:
    case Rpc::kGetEnforcement:
    case Rpc::kGetExecution:
    case Rpc::kGetWorker:
    case Rpc::kListEvents:
    case Rpc::kListEnforcements:
    case Rpc::kListExecutions:
    case Rpc::kListWorkers:
    case Rpc::kGetHistory:
    case Rpc::kWatch:
    case Rpc::kGetCounts:
    case Rpc::kGetTopRefs:
    case Rpc::kGetFailureRate:
    case Rpc::kGetThroughput:
    case Rpc::kListAggregates:
      return CallRule{{kReader}};
  }
  return CallRule{{kAdmin}};
}

// Kept in the audit log: what operators and admins change. What writers do is in the events and records.
constexpr bool IsAudited(Rpc rpc) {
  switch (rpc) {
    case Rpc::kCreateConsumerGroup:
    case Rpc::kUpdateConsumerGroup:
    case Rpc::kResetConsumerGroup:
    case Rpc::kReplayParkedEvents:
    case Rpc::kDeleteConsumerGroup:
    case Rpc::kDiscardParkedEvents:
    case Rpc::kRunTask:
    case Rpc::kUpdateSchedule:
    case Rpc::kDrainWorker:
    case Rpc::kDeregisterWorker:
      return true;
    default:
      return false;
  }
}

}  // namespace eventstore::service
