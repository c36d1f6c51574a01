#include "server/service/observed_call.h"

#include <string>
#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/domain/error.h"
#include "server/observability/trace_context.h"

namespace eventstore::service {
namespace {

// Of an error's metadata: the name of the limit that was met.
constexpr char kLimitKey[] = "limit";

// The ErrorInfo that status_table put into it.
google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return info;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) break;
  }
  return info;
}

// Empty where it is missing, or there are several: then none can be trusted.
std::string_view HeaderOf(const grpc::CallbackServerContext& context, const char* name) {
  const auto& all = context.client_metadata();
  const auto [first, end] = all.equal_range(name);
  if (first == end || std::next(first) != end) return {};
  return {first->second.data(), first->second.size()};
}

}  // namespace

void CallRecord::PartRefused(const absl::Status& status) const {
  for (const auto& [key, value] : domain::FromStatus(status).metadata) {
    if (key == kLimitKey) book_.figures.Limited(value);
  }
}

void CallRecord::Ends(const grpc::Status& status) {
  observability::EndedRequest ended;
  ended.code = status.error_code();
  ended.took = book_.clock.Monotonic() - began_;
  ended.identity = admission_.identity();
  book_.figures.Ended(rpc_, ended.code, ended.took);
  google::rpc::ErrorInfo info;
  if (!status.ok()) {
    info = InfoOf(status);
    // A stream that its client cancelled ends without one.
    if (info.reason().empty())
      info.set_reason(status.error_code() == grpc::StatusCode::CANCELLED ? "CANCELLED" : "NONE");
    ended.reason = info.reason();
    const auto sqlstate = info.metadata().find("sqlstate");
    if (sqlstate != info.metadata().end()) ended.sqlstate = sqlstate->second;
    book_.figures.Failed(rpc_, ended.reason);
    const auto limit = info.metadata().find(kLimitKey);
    if (limit != info.metadata().end()) book_.figures.Limited(limit->second);
  }
  book_.log.CatchUp();
  const std::string_view traceparent = HeaderOf(context_, observability::kTraceparentHeader);
  const std::string_view request_id = HeaderOf(context_, observability::kRequestIdHeader);
  HandOver(&context_);
  const auto& name = book_.figures.name(rpc_);
  const bool wanted = book_.log.Wants(name, ended);
  if (!wanted && status.ok() && traceparent.empty() && request_id.empty()) return;
  const auto ids = observability::IdsOf(traceparent, request_id, book_.ids);
  context_.AddTrailingMetadata(observability::kRequestIdHeader, ids.request_id);
  context_.AddTrailingMetadata(observability::kTraceparentHeader, ids.trace.Traceparent());
  if (wanted) book_.log.Add(name, ended, ids);
}

}  // namespace eventstore::service
