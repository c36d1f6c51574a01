#include "server/domain/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include "absl/strings/cord.h"
#include "fmt/format.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

struct ReasonRow {
  Reason reason;
  std::string_view name;
  absl::StatusCode code;
};

constexpr std::array kReasons = {
    ReasonRow{Reason::kInvalidRequest, "INVALID_REQUEST", absl::StatusCode::kInvalidArgument},
    ReasonRow{Reason::kLimitExceeded, "LIMIT_EXCEEDED", absl::StatusCode::kInvalidArgument},
    ReasonRow{Reason::kVersionConflict, "VERSION_CONFLICT", absl::StatusCode::kAborted},
    ReasonRow{Reason::kEventIdConflict, "EVENT_ID_CONFLICT", absl::StatusCode::kAlreadyExists},
    ReasonRow{Reason::kVersionExhausted, "VERSION_EXHAUSTED", absl::StatusCode::kOutOfRange},
    ReasonRow{Reason::kQueueFull, "QUEUE_FULL", absl::StatusCode::kResourceExhausted},
    ReasonRow{Reason::kDatabaseUnavailable, "DATABASE_UNAVAILABLE", absl::StatusCode::kUnavailable},
    ReasonRow{Reason::kShuttingDown, "SHUTTING_DOWN", absl::StatusCode::kUnavailable},
    ReasonRow{Reason::kDeadlineExceeded, "DEADLINE_EXCEEDED", absl::StatusCode::kDeadlineExceeded},
    ReasonRow{Reason::kCancelled, "CANCELLED", absl::StatusCode::kCancelled},
    ReasonRow{Reason::kCommitUnknown, "COMMIT_UNKNOWN", absl::StatusCode::kUnknown},
    ReasonRow{Reason::kStoreIncompatible, "STORE_INCOMPATIBLE", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kPositionAhead, "POSITION_AHEAD", absl::StatusCode::kOutOfRange},
    ReasonRow{Reason::kEventsDropped, "EVENTS_DROPPED", absl::StatusCode::kOutOfRange},
    ReasonRow{Reason::kGroupExists, "GROUP_EXISTS", absl::StatusCode::kAlreadyExists},
    ReasonRow{Reason::kGroupNotFound, "GROUP_NOT_FOUND", absl::StatusCode::kNotFound},
    ReasonRow{Reason::kTaskNotFound, "TASK_NOT_FOUND", absl::StatusCode::kNotFound},
    ReasonRow{Reason::kTaskRunning, "TASK_RUNNING", absl::StatusCode::kAborted},
    ReasonRow{Reason::kHousekeeperOff, "HOUSEKEEPER_OFF", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kArchiveDamaged, "ARCHIVE_DAMAGED", absl::StatusCode::kDataLoss},
    ReasonRow{Reason::kArchiveFull, "ARCHIVE_FULL", absl::StatusCode::kResourceExhausted},
    ReasonRow{Reason::kArchiveUnavailable, "ARCHIVE_UNAVAILABLE", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kRecordNotFound, "RECORD_NOT_FOUND", absl::StatusCode::kNotFound},
    ReasonRow{Reason::kRecordIdConflict, "RECORD_ID_CONFLICT", absl::StatusCode::kAlreadyExists},
    ReasonRow{Reason::kStatusConflict, "STATUS_CONFLICT", absl::StatusCode::kAborted},
    ReasonRow{Reason::kIllegalTransition, "ILLEGAL_TRANSITION", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kWorkerNameTaken, "WORKER_NAME_TAKEN", absl::StatusCode::kAlreadyExists},
    ReasonRow{Reason::kTableNotTracked, "TABLE_NOT_TRACKED", absl::StatusCode::kNotFound},
    ReasonRow{Reason::kCredentialsMissing, "CREDENTIALS_MISSING", absl::StatusCode::kUnauthenticated},
    ReasonRow{Reason::kCredentialsInvalid, "CREDENTIALS_INVALID", absl::StatusCode::kUnauthenticated},
    ReasonRow{Reason::kCredentialsExpired, "CREDENTIALS_EXPIRED", absl::StatusCode::kUnauthenticated},
    ReasonRow{Reason::kRoleMissing, "ROLE_MISSING", absl::StatusCode::kPermissionDenied},
    ReasonRow{Reason::kOutsideLimits, "OUTSIDE_LIMITS", absl::StatusCode::kPermissionDenied},
    ReasonRow{Reason::kErasureOff, "ERASURE_OFF", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kSubjectErased, "SUBJECT_ERASED", absl::StatusCode::kFailedPrecondition},
    ReasonRow{Reason::kRateLimited, "RATE_LIMITED", absl::StatusCode::kResourceExhausted},
    ReasonRow{Reason::kTooManyCalls, "TOO_MANY_CALLS", absl::StatusCode::kResourceExhausted},
    ReasonRow{Reason::kUnimplemented, "UNIMPLEMENTED", absl::StatusCode::kUnimplemented},
    ReasonRow{Reason::kInternal, "INTERNAL", absl::StatusCode::kInternal},
};

const ReasonRow& RowOf(Reason reason) {
  const auto row = std::ranges::find(kReasons, reason, &ReasonRow::reason);
  return row == kReasons.end() ? kReasons.back() : *row;
}

// The part of a foreign status that a reason states without claiming more than is known: an Aborted of unknown origin
// is no version conflict.
Reason NearestReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return Reason::kInvalidRequest;
    case absl::StatusCode::kResourceExhausted:
      return Reason::kQueueFull;
    case absl::StatusCode::kUnavailable:
      return Reason::kDatabaseUnavailable;
    case absl::StatusCode::kDeadlineExceeded:
      return Reason::kDeadlineExceeded;
    case absl::StatusCode::kCancelled:
      return Reason::kCancelled;
    case absl::StatusCode::kUnimplemented:
      return Reason::kUnimplemented;
    default:
      return Reason::kInternal;
  }
}

// One payload for each member of Error; a list is one payload too, since a status searches its payloads one by one and
// an error may carry 2 000 conflicts. A payload is a sequence of texts, each as "<bytes>:<text>".
constexpr char kReasonUrl[] = "eventstore/reason";
constexpr char kMetadataUrl[] = "eventstore/metadata";
constexpr char kViolationsUrl[] = "eventstore/violations";
constexpr char kConflictsUrl[] = "eventstore/conflicts";
constexpr char kRetryUrl[] = "eventstore/retry_after_ms";

void Put(std::string& out, const std::string& text) {
  fmt::format_to(std::back_inserter(out), "{}:", text.size());
  out += text;
}

class TextReader {
 public:
  TextReader(const absl::Status& status, const char* url) {
    if (const auto payload = status.GetPayload(url)) bytes_ = std::string(*payload);
  }

  bool done() const { return at_ >= bytes_.size(); }

  // Only ToStatus writes these payloads, so they are well formed; what is not reads as empty text and ends there.
  std::string Next() {
    const char* const end = bytes_.data() + bytes_.size();
    std::size_t size = 0;
    const auto [colon, problem] = std::from_chars(bytes_.data() + at_, end, size);
    if (problem != std::errc{} || colon == end || size > static_cast<std::size_t>(end - colon - 1)) {
      at_ = bytes_.size();
      return {};
    }
    std::string text(colon + 1, size);
    at_ = static_cast<std::size_t>(colon - bytes_.data()) + 1 + size;
    return text;
  }

  template <typename Number>
  Number NextNumber() {
    const std::string text = Next();
    Number number{};
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

void Attach(absl::Status& status, const char* url, const std::string& texts) {
  if (!texts.empty()) status.SetPayload(url, absl::Cord(texts));
}

}  // namespace

std::string_view ReasonName(Reason reason) { return RowOf(reason).name; }

absl::Status ToStatus(const Error& error) {
  const ReasonRow& row = RowOf(error.reason);
  absl::Status status(row.code, error.message);
  // From a view and not from a std::string&&: that constructor is a template which clang 18 and later name otherwise
  // than the gcc that built absl, and then it is not found at link time.
  status.SetPayload(kReasonUrl, absl::Cord(absl::string_view(row.name.data(), row.name.size())));

  std::string texts;
  for (const auto& [key, value] : error.metadata) {
    Put(texts, key);
    Put(texts, value);
  }
  Attach(status, kMetadataUrl, texts);

  texts.clear();
  for (const FieldViolation& violation : error.violations) {
    Put(texts, violation.field);
    Put(texts, violation.description);
  }
  Attach(status, kViolationsUrl, texts);

  texts.clear();
  for (const Conflict& conflict : error.conflicts) {
    Put(texts, conflict.field);
    Put(texts, conflict.aggregate_id.ToString());
    Put(texts, conflict.expected);
    Put(texts, std::to_string(conflict.actual));
  }
  Attach(status, kConflictsUrl, texts);

  texts.clear();
  if (error.retry_after_ms) Put(texts, std::to_string(*error.retry_after_ms));
  Attach(status, kRetryUrl, texts);
  return status;
}

Error FromStatus(const absl::Status& status) {
  Error error;
  error.message = std::string(status.message());

  const auto reason = status.GetPayload(kReasonUrl);
  if (!reason) {
    error.reason = NearestReason(status.code());
    return error;
  }
  const std::string name(*reason);
  for (const ReasonRow& row : kReasons) {
    if (row.name == name) error.reason = row.reason;
  }

  for (TextReader texts(status, kMetadataUrl); !texts.done();) {
    std::string key = texts.Next();
    error.metadata.emplace_back(std::move(key), texts.Next());
  }
  for (TextReader texts(status, kViolationsUrl); !texts.done();) {
    FieldViolation& violation = error.violations.emplace_back();
    violation.field = texts.Next();
    violation.description = texts.Next();
  }
  for (TextReader texts(status, kConflictsUrl); !texts.done();) {
    Conflict& conflict = error.conflicts.emplace_back();
    conflict.field = texts.Next();
    conflict.aggregate_id = Uuid::Parse(texts.Next()).value_or(Uuid{});
    conflict.expected = texts.Next();
    conflict.actual = texts.NextNumber<std::int32_t>();
  }
  if (TextReader texts(status, kRetryUrl); !texts.done()) error.retry_after_ms = texts.NextNumber<std::int64_t>();
  return error;
}

absl::Status ErrorOf(Reason reason, const std::string& message) {
  Error error;
  error.reason = reason;
  error.message = message;
  return ToStatus(error);
}

absl::Status InvalidField(const std::string& field, const std::string& description) {
  Violations violations;
  violations.Add(field, description);
  return violations.ToStatus();
}

absl::Status LimitExceeded(const std::string& field, const std::string& limit, std::uint64_t size, std::uint64_t max) {
  Violations violations;
  violations.AddLimit(field, limit, size, max);
  return violations.ToStatus();
}

}  // namespace eventstore::domain
