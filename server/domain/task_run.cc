#include "server/domain/task_run.h"

#include <charconv>
#include <utility>

#include "fmt/format.h"
#include "server/domain/limits.h"
#include "server/domain/validation.h"

namespace eventstore::domain {
namespace {

void CheckTask(Violations& violations, const std::string& task, std::size_t min) {
  CheckText(violations, "task", "max_task_name_bytes", task, min, kMaxTaskNameBytes);
}

void CheckBetween(Violations& violations, const std::string& field, const std::optional<int>& value, int min, int max) {
  if (value && (*value < min || *value > max)) {
    violations.Add(field, fmt::format("is {}; send {} to {}", *value, min, max));
  }
}

}  // namespace

absl::StatusOr<RunList> ParseRunList(const std::string& task, int status, std::int32_t page_size,
                                     const std::string& token) {
  Violations violations;
  CheckTask(violations, task, 0);
  RunList list;
  list.task = task;
  if (status < 0 || status > static_cast<int>(kRunStatuses.size())) {
    violations.Add("status", fmt::format("is {}; known values are 1 to {}, or 0 for any", status, kRunStatuses.size()));
  } else if (status > 0) {
    list.status = static_cast<RunStatus>(status - 1);
  }
  if (page_size < 0 || page_size > kMaxListed) {
    violations.Add("page_size", fmt::format("is {}; send 1 to {}, or 0 for {}", page_size, kMaxListed, kDefaultListed));
  }
  list.page_size = page_size == 0 ? kDefaultListed : page_size;
  const char* const end = token.data() + token.size();
  if (!token.empty()) {
    const auto [stopped, problem] = std::from_chars(token.data(), end, list.before);
    if (problem != std::errc{} || stopped != end || list.before < 1) {
      violations.Add("page_token", "is not one that this call has given");
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  return list;
}

absl::StatusOr<PlanUpdate> ParsePlanUpdate(const std::string& task, const std::optional<std::string>& schedule,
                                           std::optional<bool> enabled, const std::string& changed_by) {
  Violations violations;
  CheckTask(violations, task, 1);
  CheckText(violations, "changed_by", "max_changed_by_bytes", changed_by, 0, kMaxUserIdBytes);
  if (!schedule && !enabled) violations.Add("schedule", "and enabled are both missing: send what is to be changed");
  if (!violations.empty()) return violations.ToStatus();
  PlanUpdate update{task, std::nullopt, enabled, changed_by};
  if (schedule) {
    auto parsed = Schedule::Parse("schedule", *schedule);
    if (!parsed.ok()) return parsed.status();
    update.schedule = *std::move(parsed);
  }
  return update;
}

absl::StatusOr<RunRequest> ParseRunRequest(RunRequest raw) {
  Violations violations;
  CheckTask(violations, raw.task, 1);
  CheckBetween(violations, "retention_days", raw.retention_days, 1, kMaxDays);
  CheckBetween(violations, "from_days", raw.from_days, -kMaxDays, kMaxDays);
  CheckBetween(violations, "to_days", raw.to_days, -kMaxDays, kMaxDays);
  if (raw.from_days && raw.to_days && *raw.from_days > *raw.to_days) {
    violations.Add("from_days", fmt::format("is {}, after to_days, which is {}", *raw.from_days, *raw.to_days));
  }
  if (!violations.empty()) return violations.ToStatus();
  return raw;
}

}  // namespace eventstore::domain
