#include "eventstore/errors.h"

#include <charconv>

#include "client/src/status.h"
#include "eventstore/v1/event.pb.h"
#include "google/rpc/error_details.pb.h"

namespace eventstore::client {
namespace {

constexpr char kDomain[] = "eventstore.v1";

std::optional<google::rpc::ErrorInfo> InfoOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  if (!internal::ReadDetail(status, &info) || info.domain() != kDomain) return std::nullopt;
  return info;
}

std::optional<std::int32_t> ParseVersion(const std::string& text) {
  std::int32_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return version;
}

}  // namespace

std::optional<VersionConflict> AsVersionConflict(const absl::Status& status) {
  if (status.code() != absl::StatusCode::kAborted || ErrorReason(status) != "VERSION_CONFLICT") return std::nullopt;
  VersionConflict result;
  v1::VersionConflicts details;
  if (internal::ReadDetail(status, &details)) {
    for (const auto& conflict : details.conflicts()) {
      result.conflicts.push_back({conflict.field(), conflict.aggregate_id(), ParseVersion(conflict.expected_version()),
                                  conflict.actual_version()});
    }
  }
  if (result.conflicts.empty()) {
    // A proxy may have cut the details to fit its header limit; the metadata names the first conflict.
    auto metadata = ErrorMetadata(status);
    result.conflicts.push_back({"", metadata["aggregate_id"], ParseVersion(metadata["expected_version"]),
                                ParseVersion(metadata["actual_version"]).value_or(0)});
  }
  return result;
}

std::string ErrorReason(const absl::Status& status) {
  const auto info = InfoOf(status);
  return info ? info->reason() : "";
}

std::map<std::string, std::string> ErrorMetadata(const absl::Status& status) {
  const auto info = InfoOf(status);
  if (!info) return {};
  return {info->metadata().begin(), info->metadata().end()};
}

std::vector<FieldViolation> FieldViolations(const absl::Status& status) {
  google::rpc::BadRequest details;
  std::vector<FieldViolation> result;
  if (!internal::ReadDetail(status, &details)) return result;
  for (const auto& violation : details.field_violations()) {
    result.push_back({violation.field(), violation.description()});
  }
  return result;
}

std::optional<std::chrono::milliseconds> RetryDelay(const absl::Status& status) {
  google::rpc::RetryInfo details;
  if (!internal::ReadDetail(status, &details)) return std::nullopt;
  const auto delay =
      std::chrono::seconds(details.retry_delay().seconds()) + std::chrono::nanoseconds(details.retry_delay().nanos());
  return std::chrono::ceil<std::chrono::milliseconds>(delay);
}

}  // namespace eventstore::client
