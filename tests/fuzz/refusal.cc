#include "tests/fuzz/refusal.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/validation.h"

namespace eventstore::fuzz {
namespace {

bool IsDescription(const std::string& text) {
  return !text.empty() && text.size() <= 1'000 && domain::IsValidUtf8(text);
}

}  // namespace

std::string CheckRefusal(const absl::Status& status) {
  const domain::Error error = domain::FromStatus(status);
  const bool exhausted = error.reason == domain::Reason::kVersionExhausted;
  if (error.reason != domain::Reason::kInvalidRequest && error.reason != domain::Reason::kLimitExceeded && !exhausted) {
    return fmt::format("reason {}", domain::ReasonName(error.reason));
  }
  if (!domain::IsValidUtf8(error.message) || error.message.empty()) return "the message is no text";
  if (error.violations.empty() != exhausted || error.violations.size() > 20) return "number of violations";
  for (const domain::FieldViolation& violation : error.violations) {
    if (!domain::IsValidUtf8(violation.field) || !IsDescription(violation.description)) return "violation";
  }
  return "";
}

}  // namespace eventstore::fuzz
