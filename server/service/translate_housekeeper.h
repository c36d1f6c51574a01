// Between the messages of housekeeper.proto and the domain; as translate.h.
#pragma once

#include "absl/status/statusor.h"
#include "eventstore/v1/housekeeper.pb.h"
#include "server/domain/audit.h"
#include "server/domain/task_run.h"
#include "server/housekeeping/partition_summary.h"
#include "server/housekeeping/task.h"

namespace eventstore::service {

absl::StatusOr<domain::RunRequest> FromProto(const v1::RunTaskRequest& request);
absl::StatusOr<domain::RunList> FromProto(const v1::ListRunsRequest& request);
absl::StatusOr<domain::PlanUpdate> FromProto(const v1::UpdateScheduleRequest& request);
// How many partitions to list.
absl::StatusOr<int> FromProto(const v1::GetPartitionStatusRequest& request);

absl::StatusOr<domain::AuditQuery> FromProto(const v1::ListAuditLogRequest& request);

void ToProto(const domain::AuditRecord& record, v1::AuditRecord* message);
void ToProto(const domain::TaskRun& run, v1::TaskRun* message);
void ToProto(const housekeeping::TaskProgress& progress, v1::RunTaskResponse::Progress* message);
void ToProto(const storage::Partition& partition, v1::Partition* message);
void ToProto(const housekeeping::PartitionSummary& summary, v1::GetPartitionStatusResponse* message);

}  // namespace eventstore::service
