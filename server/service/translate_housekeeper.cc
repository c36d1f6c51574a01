#include "server/service/translate_housekeeper.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/service/translate.h"

namespace eventstore::service {
namespace {

void CountsToProto(const domain::Counts& counts, google::protobuf::Map<std::string, std::int64_t>* message) {
  for (const auto& [name, count] : counts) (*message)[name] = count;
}

// The ends of time are no Timestamp.
domain::TimeMicros Bounded(domain::TimeMicros time) { return std::clamp(time, domain::kMinTime, domain::kMaxTime); }

}  // namespace

absl::StatusOr<domain::RunRequest> FromProto(const v1::RunTaskRequest& request) {
  domain::RunRequest raw;
  raw.task = request.task();
  raw.dry_run = request.dry_run();
  if (request.has_retention_days()) raw.retention_days = request.retention_days();
  if (request.has_from_days()) raw.from_days = request.from_days();
  if (request.has_to_days()) raw.to_days = request.to_days();
  return domain::ParseRunRequest(std::move(raw));
}

absl::StatusOr<domain::RunList> FromProto(const v1::ListRunsRequest& request) {
  return domain::ParseRunList(request.task(), request.status(), request.page_size(), request.page_token());
}

absl::StatusOr<domain::PlanUpdate> FromProto(const v1::UpdateScheduleRequest& request) {
  return domain::ParsePlanUpdate(request.task(),
                                 request.has_schedule() ? std::optional(request.schedule()) : std::nullopt,
                                 request.has_enabled() ? std::optional(request.enabled()) : std::nullopt,
                                 request.changed_by().empty() ? "unknown" : request.changed_by());
}

absl::StatusOr<int> FromProto(const v1::GetPartitionStatusRequest& request) {
  constexpr int kDefault = 10;
  if (request.newest() < 0 || request.newest() > domain::kMaxListed) {
    return domain::InvalidField(
        "newest", fmt::format("is {}; send 1 to {}, or 0 for {}", request.newest(), domain::kMaxListed, kDefault));
  }
  return request.newest() == 0 ? kDefault : request.newest();
}

absl::StatusOr<domain::AuditQuery> FromProto(const v1::ListAuditLogRequest& request) {
  domain::RawAuditQuery raw;
  if (request.has_since()) raw.since = {request.since().seconds(), request.since().nanos()};
  raw.identity = request.identity();
  raw.action = request.action();
  raw.page_size = request.page_size();
  raw.page_token = request.page_token();
  return domain::ParseAuditQuery(std::move(raw));
}

void ToProto(const domain::AuditRecord& record, v1::AuditRecord* message) {
  message->set_id(record.id);
  ToProto(record.at, message->mutable_at());
  message->set_call_id(record.call.ToString());
  message->set_identity(record.identity);
  message->set_credential(record.credential);
  message->set_peer(record.peer);
  message->set_action(record.action);
  message->set_target(record.target);
  message->set_outcome(record.outcome);
  message->set_detail(record.detail);
}

void ToProto(const domain::TaskRun& run, v1::TaskRun* message) {
  message->set_id(run.id);
  message->set_task(run.task);
  message->set_instance(run.instance);
  message->set_trigger(static_cast<v1::RunTrigger>(static_cast<int>(run.trigger) + 1));
  message->set_attempt(run.attempt);
  CountsToProto(run.parameters, message->mutable_parameters());
  ToProto(run.started_at, message->mutable_started_at());
  if (run.finished_at) ToProto(*run.finished_at, message->mutable_finished_at());
  message->set_status(static_cast<v1::RunStatus>(static_cast<int>(run.status) + 1));
  CountsToProto(run.counts, message->mutable_counts());
  message->set_summary(run.summary);
  message->set_error(run.error);
}

void ToProto(const housekeeping::TaskProgress& progress, v1::RunTaskResponse::Progress* message) {
  message->set_doing(progress.doing);
  message->set_done(progress.done);
  message->set_total(progress.total);
}

void ToProto(const storage::Partition& partition, v1::Partition* message) {
  message->set_table(partition.table);
  ToProto(Bounded(partition.range.from), message->mutable_from());
  ToProto(Bounded(partition.range.to), message->mutable_to());
  message->set_bytes(partition.bytes);
  message->set_rows(partition.rows);
  message->set_closed(partition.rows_exact);
  message->set_compressed(partition.compressed);
}

void ToProto(const housekeeping::PartitionSummary& summary, v1::GetPartitionStatusResponse* message) {
  message->set_health(static_cast<v1::PartitionHealth>(static_cast<int>(summary.light) + 1));
  for (const auto& remark : summary.remarks) message->add_remarks(remark);
  message->set_made_ahead(summary.made_ahead);
  message->set_today_exists(summary.today_exists);
  message->set_days_ahead(summary.days_ahead);
  message->set_partitions(summary.count);
  message->set_bytes(summary.bytes);
  message->set_rows(summary.rows);
  message->set_rows_exact(summary.rows_exact);
  if (summary.oldest) ToProto(Bounded(*summary.oldest), message->mutable_oldest());
  if (summary.newest) ToProto(Bounded(*summary.newest), message->mutable_newest());
  message->set_compressed(summary.compressed);
}

}  // namespace eventstore::service
