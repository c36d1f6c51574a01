#include "server/service/erasure_service.h"

#include <string>
#include <utility>

#include "server/domain/limits.h"
#include "server/domain/validation.h"
#include "server/service/translate.h"
#include "server/storage/subject_keys.h"

namespace eventstore::service {
namespace {

using domain::erasure::EraseOutcome;
using domain::erasure::EraseRequest;

absl::Status Off() {
  return domain::ErrorOf(domain::Reason::kErasureOff,
                         "this server has no master key, so no field was encrypted and there is nothing that could be "
                         "erased. Start it with erasure_master_key_file");
}

absl::StatusOr<EraseRequest> FromProto(const v1::EraseSubjectRequest& message) {
  domain::Violations violations;
  domain::CheckText(violations, "subject", "max_subject_bytes", message.subject(), 1,
                    domain::erasure::kMaxSubjectBytes);
  domain::CheckText(violations, "reason", "max_reason_bytes", message.reason(), 0, domain::erasure::kMaxReasonBytes);
  if (!violations.empty()) return violations.ToStatus();
  EraseRequest request;
  request.subject = message.subject();
  request.reason = message.reason();
  request.dry_run = message.dry_run();
  request.no_wait = message.no_wait();
  return request;
}

struct ListRequest {
  std::int64_t after = 0;
  int page_size = 0;
};

absl::StatusOr<ListRequest> FromProto(const v1::ListErasuresRequest& message) {
  if (message.after_number() < 0) return domain::InvalidField("after_number", "is negative");
  if (message.page_size() < 0) return domain::InvalidField("page_size", "is negative");
  if (message.page_size() > domain::kMaxListed) {
    return domain::LimitExceeded("page_size", "max_page_size", static_cast<std::uint64_t>(message.page_size()),
                                 domain::kMaxListed);
  }
  return ListRequest{message.after_number(), message.page_size() == 0 ? domain::kDefaultListed : message.page_size()};
}

void ToProto(const domain::erasure::Erasure& erasure, v1::ErasedSubject* message) {
  message->set_number(erasure.number);
  message->set_subject(erasure.subject);
  if (erasure.key_id) message->set_key_id(erasure.key_id->ToString());
  service::ToProto(erasure.erased_at, message->mutable_erased_at());
  message->set_erased_by(erasure.erased_by);
  message->set_reason(erasure.reason);
}

v1::EraseSubjectResponse ToProto(const EraseOutcome& outcome) {
  v1::EraseSubjectResponse answer;
  if (outcome.erasure) ToProto(*outcome.erasure, answer.mutable_erasure());
  answer.set_was_erased(outcome.was_erased);
  answer.set_had_key(outcome.key_created_at.has_value());
  if (outcome.key_created_at) service::ToProto(*outcome.key_created_at, answer.mutable_key_created_at());
  return answer;
}

}  // namespace

ErasureService::Unary* ErasureService::EraseSubject(Context* context, const Bytes* request, Bytes* response) {
  auto* call = new UnaryCall(parts_.calls, Rpc::kEraseSubject, *context, response);
  v1::EraseSubjectRequest message;
  if (absl::Status parsed = parser_.Parse(call->admission(), *request, &message); !parsed.ok()) {
    call->Fail(parsed);
    return call;
  }
  auto erase = parts_.vault == nullptr ? absl::StatusOr<EraseRequest>(Off()) : FromProto(message);
  if (!erase.ok()) {
    call->Fail(erase.status());
    return call;
  }
  erase->erased_by = call->admission().identity();
  storage::ReadTask task;
  task.deadline = DeadlineOf(*context, parts_.clock, parts_.deadline);
  task.run = [call, keys = &parts_.vault->keys(),
              erase = *std::move(erase)](absl::StatusOr<storage::Session*> session) {
    if (!session.ok()) return call->Fail(session.status());
    const auto outcome = storage::Caught([&] { return keys->Erase(**session, erase); });
    if (!outcome.ok()) return call->Fail(outcome.status());
    auto answer = ToProto(*outcome);
    if (erase.dry_run || erase.no_wait) return call->Reply(answer);
    // One that was erased before may have been so a moment ago.
    keys->WhenGone([call, answer = std::move(answer)] { call->Reply(answer); });
  };
  if (!parts_.readers.Submit(task)) call->Fail(ReadQueueFull());
  return call;
}

ErasureService::Unary* ErasureService::ListErasures(Context* context, const Bytes* request, Bytes* response) {
  using Response = v1::ListErasuresResponse;
  return AskPool<v1::ListErasuresRequest, Response>(
      {parts_.calls, parts_.readers, parts_.clock, parts_.deadline, parser_}, Rpc::kListErasures, context, request,
      response,
      [this](const v1::ListErasuresRequest& message) {
        return parts_.vault == nullptr ? absl::StatusOr<ListRequest>(Off()) : FromProto(message);
      },
      [](storage::Session& session, const ListRequest& list) -> absl::StatusOr<Response> {
        auto erasures = storage::ListErasures(session, list.after, list.page_size);
        if (!erasures.ok()) return erasures.status();
        Response answer;
        for (const auto& erasure : erasures->erasures) ToProto(erasure, answer.add_erasures());
        answer.set_more(erasures->more);
        answer.set_living_keys(erasures->living_keys);
        return answer;
      });
}

}  // namespace eventstore::service
