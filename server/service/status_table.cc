#include "server/service/status_table.h"

#include <string>

#include "eventstore/v1/event.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/domain/error.h"

namespace eventstore::service {
namespace {

using domain::Error;
using domain::Reason;

grpc::StatusCode CodeOf(Reason reason) {
  switch (reason) {
    case Reason::kInvalidRequest:
    case Reason::kLimitExceeded:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Reason::kVersionConflict:
    case Reason::kTaskRunning:
    case Reason::kStatusConflict:
      return grpc::StatusCode::ABORTED;
    case Reason::kEventIdConflict:
    case Reason::kGroupExists:
    case Reason::kRecordIdConflict:
    case Reason::kWorkerNameTaken:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Reason::kVersionExhausted:
    case Reason::kPositionAhead:
    case Reason::kEventsDropped:
      return grpc::StatusCode::OUT_OF_RANGE;
    case Reason::kQueueFull:
    case Reason::kArchiveFull:
    case Reason::kRateLimited:
    case Reason::kTooManyCalls:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Reason::kDatabaseUnavailable:
    case Reason::kShuttingDown:
      return grpc::StatusCode::UNAVAILABLE;
    case Reason::kDeadlineExceeded:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Reason::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case Reason::kCommitUnknown:
      return grpc::StatusCode::UNKNOWN;
    case Reason::kStoreIncompatible:
    case Reason::kHousekeeperOff:
    case Reason::kArchiveUnavailable:
    case Reason::kIllegalTransition:
    case Reason::kErasureOff:
    case Reason::kSubjectErased:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Reason::kGroupNotFound:
    case Reason::kTaskNotFound:
    case Reason::kRecordNotFound:
    case Reason::kTableNotTracked:
      return grpc::StatusCode::NOT_FOUND;
    case Reason::kCredentialsMissing:
    case Reason::kCredentialsInvalid:
    case Reason::kCredentialsExpired:
      return grpc::StatusCode::UNAUTHENTICATED;
    case Reason::kRoleMissing:
    case Reason::kOutsideLimits:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Reason::kArchiveDamaged:
      return grpc::StatusCode::DATA_LOSS;
    case Reason::kUnimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Reason::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

// A prefix of a text that is still UTF-8.
std::string Shortened(const std::string& text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

google::rpc::ErrorInfo InfoOf(const Error& error) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(domain::ReasonName(error.reason)));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : error.metadata) (*info.mutable_metadata())[key] = Shortened(value, 2048);
  return info;
}

google::rpc::BadRequest ViolationsOf(const Error& error) {
  google::rpc::BadRequest bad;
  for (const auto& violation : error.violations) {
    auto* field = bad.add_field_violations();
    field->set_field(violation.field);
    field->set_description(Shortened(violation.description, 256));
  }
  return bad;
}

v1::VersionConflicts ConflictsOf(const Error& error) {
  v1::VersionConflicts all;
  for (const auto& conflict : error.conflicts) {
    auto* one = all.add_conflicts();
    one->set_field(conflict.field);
    one->set_aggregate_id(conflict.aggregate_id.ToString());
    one->set_expected_version(conflict.expected);
    one->set_actual_version(conflict.actual);
  }
  return all;
}

google::rpc::RetryInfo RetryOf(std::int64_t ms) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(ms / 1000);
  retry.mutable_retry_delay()->set_nanos(static_cast<std::int32_t>(ms % 1000 * 1'000'000));
  return retry;
}

template <typename List>
void CutToFit(List* list, std::size_t max, const google::protobuf::Message& whole) {
  while (list->size() > 1 && whole.ByteSizeLong() > max) list->RemoveLast();
}

}  // namespace

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  if (status.ok()) return {};
  const Error error = domain::FromStatus(status);
  google::rpc::Status details;
  details.set_code(CodeOf(error.reason));
  details.set_message(Shortened(error.message, 1024));
  details.add_details()->PackFrom(InfoOf(error));
  if (error.retry_after_ms) details.add_details()->PackFrom(RetryOf(*error.retry_after_ms));
  const auto room = kMaxDetailBytes - std::min(kMaxDetailBytes, details.ByteSizeLong());
  if (!error.violations.empty()) {
    auto bad = ViolationsOf(error);
    CutToFit(bad.mutable_field_violations(), room, bad);
    details.add_details()->PackFrom(bad);
  }
  if (!error.conflicts.empty()) {
    auto conflicts = ConflictsOf(error);
    CutToFit(conflicts.mutable_conflicts(), room, conflicts);
    details.add_details()->PackFrom(conflicts);
  }
  return details;
}

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status details = ToRpcStatus(status);
  return {static_cast<grpc::StatusCode>(details.code()), details.message(), details.SerializeAsString()};
}

}  // namespace eventstore::service
