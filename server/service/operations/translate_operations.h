// Between the messages of operations.proto and the domain; as translate.h. The rules of the fields are domain::Fields.
#pragma once

#include "absl/status/statusor.h"
#include "eventstore/v1/event_store.pb.h"
#include "eventstore/v1/operations.pb.h"
#include "server/domain/clock.h"
#include "server/domain/operations/record_query.h"
#include "server/domain/operations/records.h"
#include "server/storage/operations/timeline.h"

namespace eventstore::service {

absl::StatusOr<domain::NewTriggerEvent> FromProto(const v1::RecordEventRequest& request, domain::IdMaker& ids);
absl::StatusOr<domain::NewEnforcement> FromProto(const v1::CreateEnforcementRequest& request, domain::IdMaker& ids);
absl::StatusOr<domain::NewExecution> FromProto(const v1::CreateExecutionRequest& request, domain::IdMaker& ids);
absl::StatusOr<domain::NewWorker> FromProto(const v1::RegisterWorkerRequest& request, domain::IdMaker& ids);
absl::StatusOr<domain::Resolution> FromProto(const v1::ResolveEnforcementRequest& request);
absl::StatusOr<domain::Move> FromProto(const v1::MoveExecutionRequest& request);

absl::StatusOr<domain::RecordKey> FromProto(const v1::GetEventRequest& request);
absl::StatusOr<domain::RecordKey> FromProto(const v1::GetEnforcementRequest& request);
absl::StatusOr<domain::RecordKey> FromProto(const v1::GetExecutionRequest& request);
struct WorkerKey {
  std::optional<domain::Uuid> id;
  std::string name;
};
absl::StatusOr<WorkerKey> FromProto(const v1::GetWorkerRequest& request);
absl::StatusOr<domain::Uuid> WorkerId(const std::string& id);

absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListEventsRequest& request);
absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListEnforcementsRequest& request);
absl::StatusOr<domain::RecordQuery> FromProto(const v1::ListExecutionsRequest& request);
absl::StatusOr<domain::WorkerQuery> FromProto(const v1::ListWorkersRequest& request);
absl::StatusOr<domain::HistoryQuery> FromProto(const v1::GetHistoryRequest& request);
absl::StatusOr<domain::WatchQuery> FromProto(const v1::WatchRequest& request);

void ToProto(const domain::TriggerEvent& event, v1::TriggerEvent* message);
void ToProto(const domain::Enforcement& enforcement, v1::Enforcement* message);
void ToProto(const domain::Execution& execution, v1::Execution* message);
void ToProto(const domain::Worker& worker, v1::Worker* message);
void ToProto(const domain::HistoryEntry& entry, v1::HistoryEntry* message);
void ToProto(const domain::RecordChange& change, v1::RecordChange* message);
void ToProto(const storage::TimelineItem& item, v1::TimelineItem* message);
v1::WorkerStatus ToProto(domain::WorkerStatus status);

}  // namespace eventstore::service
