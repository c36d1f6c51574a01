#include "server/service/audit_trail.h"

#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/service/rpc_access.h"
#include "server/storage/audit_log.h"
#include "spdlog/spdlog.h"

namespace eventstore::service {
namespace {

using domain::AuditRecord;
using domain::Reason;

// An identity that tries on and on is seen in the log; the table keeps so many of its tries, and those of others.
constexpr double kRefusalsPerSecond = 5;
constexpr std::size_t kMaxDetailBytes = 8 << 10;
constexpr std::chrono::seconds kPatience{10};

// Of the first of these fields that the request has.
std::string TargetOf(const google::protobuf::Message& request) {
  for (const char* name : {"name", "group", "task", "id"}) {
    const auto* field = request.GetDescriptor()->FindFieldByName(name);
    if (field == nullptr || field->is_repeated() || field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) {
      continue;
    }
    return request.GetReflection()->GetString(request, field);
  }
  return "";
}

std::string DetailOf(const google::protobuf::Message& request) {
  std::string text;
  if (!google::protobuf::util::MessageToJsonString(request, &text).ok()) return "{}";
  if (text.size() <= kMaxDetailBytes) return text;
  return fmt::format("{{\"request_bytes\": {}}}", request.ByteSizeLong());
}

void Warn(const AuditRecord& record, const absl::Status& status) {
  spdlog::warn("audit: what came of {} {} by '{}' ({}) could not be noted: {}", record.action, record.target,
               record.identity, record.outcome, std::string(status.message()));
}

}  // namespace

AuditTrail::AuditTrail(domain::IdMaker& ids, const domain::Clock& clock)
    : ids_(ids), clock_(clock), refusals_(kRefusalsPerSecond, clock.Monotonic()) {}

std::optional<AuditRecord> AuditTrail::Of(const Admission& admission, const google::protobuf::Message& request) const {
  if (!IsAudited(admission.rpc())) return std::nullopt;
  AuditRecord record;
  record.call = ids_.Make();
  record.identity = std::string(admission.identity());
  record.credential = std::string(admission.credential());
  record.peer = admission.peer();
  record.action = std::string(RpcNames()[static_cast<std::size_t>(admission.rpc())].method);
  record.target = TargetOf(request);
  record.outcome = domain::kAuditBegun;
  record.detail = DetailOf(request);
  return record;
}

void AuditTrail::Refused(storage::ReadExecutor& pool, const Admission& admission, const absl::Status& status) {
  if (!IsAudited(admission.rpc()) || admission.identity().empty()) return;
  const Reason reason = domain::FromStatus(status).reason;
  if (reason != Reason::kRoleMissing && reason != Reason::kOutsideLimits) return;
  {
    const std::scoped_lock lock(mutex_);
    if (refusals_.Take(1, clock_.Monotonic())) return;
  }
  AuditRecord record;
  record.call = ids_.Make();
  record.identity = std::string(admission.identity());
  record.credential = std::string(admission.credential());
  record.peer = admission.peer();
  record.action = std::string(RpcNames()[static_cast<std::size_t>(admission.rpc())].method);
  record.outcome = std::string(domain::ReasonName(reason));
  Write(pool, std::move(record));
}

absl::Status AuditTrail::Begin(storage::Session& session, const std::optional<AuditRecord>& record) {
  return record ? storage::AddAudit(session, *record) : absl::OkStatus();
}

void AuditTrail::End(storage::Session& session, std::optional<AuditRecord> record, const absl::Status& status) {
  if (!record) return;
  record->outcome =
      status.ok() ? domain::kAuditDone : std::string(domain::ReasonName(domain::FromStatus(status).reason));
  if (absl::Status added = storage::AddAudit(session, *record); !added.ok()) Warn(*record, added);
}

void AuditTrail::EndLater(storage::ReadExecutor& pool, std::optional<AuditRecord> record, std::string outcome) const {
  if (!record) return;
  record->outcome = std::move(outcome);
  Write(pool, *std::move(record));
}

void AuditTrail::Write(storage::ReadExecutor& pool, AuditRecord record) const {
  storage::ReadTask task;
  task.deadline = clock_.Monotonic() + kPatience;
  task.run = [record](absl::StatusOr<storage::Session*> session) {
    const absl::Status added = session.ok() ? storage::AddAudit(**session, record) : session.status();
    if (!added.ok()) Warn(record, added);
  };
  if (!pool.Submit(task)) Warn(record, domain::ErrorOf(Reason::kQueueFull, "the queue of reads is full"));
}

}  // namespace eventstore::service
