#include "server/domain/operations/transitions.h"

#include <algorithm>
#include <array>
#include <vector>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "server/domain/error.h"

namespace eventstore::domain {
namespace {

using enum ExecutionStatus;

constexpr std::array kFromRequested{kScheduled, kFailed, kTimeout, kCancelled, kAbandoned};
constexpr std::array kFromScheduled{kRunning, kCancelling, kFailed, kTimeout, kCancelled, kAbandoned};
constexpr std::array kFromRunning{kCancelling, kCompleted, kFailed, kTimeout, kAbandoned};
constexpr std::array kFromCancelling{kCompleted, kFailed, kTimeout, kCancelled, kAbandoned};

std::string NamesOf(std::span<const ExecutionStatus> statuses) {
  std::vector<std::string> names;
  for (const ExecutionStatus status : statuses) names.push_back(NameOf(status));
  return fmt::format("{}", fmt::join(names, ","));
}

absl::Status With(Reason reason, std::string message, std::vector<std::pair<std::string, std::string>> metadata) {
  Error error;
  error.reason = reason;
  error.message = std::move(message);
  error.metadata = std::move(metadata);
  return ToStatus(error);
}

}  // namespace

std::span<const ExecutionStatus> NextOf(ExecutionStatus status) {
  switch (status) {
    case kRequested:
      return kFromRequested;
    case kScheduled:
      return kFromScheduled;
    case kRunning:
      return kFromRunning;
    case kCancelling:
      return kFromCancelling;
    case kCompleted:
    case kFailed:
    case kTimeout:
    case kCancelled:
    case kAbandoned:
      break;
  }
  return {};
}

bool CanMove(ExecutionStatus from, ExecutionStatus to) {
  const auto next = NextOf(from);
  return std::ranges::find(next, to) != next.end();
}

bool HasEnded(ExecutionStatus status) { return NextOf(status).empty(); }

absl::Status StatusConflict(const std::string& what, const std::string& id, const std::string& current,
                            const std::string& expected) {
  return With(Reason::kStatusConflict,
              fmt::format("{} {} is {}, not {}: somebody else has changed it; read it and decide again", what, id,
                          current, expected),
              {{"id", id}, {"current_status", current}, {"expected_status", expected}});
}

absl::Status IllegalMove(const std::string& id, ExecutionStatus current, ExecutionStatus requested) {
  const std::string legal = NamesOf(NextOf(current));
  return With(Reason::kIllegalTransition,
              fmt::format("execution {} is {} and cannot become {}: {}", id, NameOf(current), NameOf(requested),
                          legal.empty() ? "it has ended" : "it can become " + legal),
              {{"id", id},
               {"current_status", NameOf(current)},
               {"requested_status", NameOf(requested)},
               {"legal_statuses", legal}});
}

absl::Status RecordNotFound(const std::string& what, const std::string& id, bool created_given) {
  return With(Reason::kRecordNotFound,
              fmt::format("there is no {} {}{}", what, id,
                          created_given ? " that was created then; ask without created, or with that of an answer"
                                        : "; it may be gone by retention"),
              {{"id", id}, {"kind", what}});
}

absl::Status RecordIdConflict(const std::string& what, const std::string& id) {
  return With(Reason::kRecordIdConflict,
              fmt::format("{} {} was made within the last 24 hours with other contents: use another id", what, id),
              {{"id", id}, {"kind", what}});
}

}  // namespace eventstore::domain
