// What is known of the housekeeper's tasks and their runs, and what may be asked of them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/schedule.h"
#include "server/domain/time.h"

namespace eventstore::domain {

enum class RunTrigger { kSchedule, kStartup, kOperator, kRepair };
enum class RunStatus { kRunning, kSucceeded, kFailed, kSkipped, kInterrupted };

// As they are stored, in the order of the enums; the proto counts from 1.
inline constexpr std::array<std::string_view, 4> kRunTriggers{"schedule", "startup", "operator", "repair"};
inline constexpr std::array<std::string_view, 5> kRunStatuses{"running", "succeeded", "failed", "skipped",
                                                              "interrupted"};
inline std::string_view NameOf(RunTrigger trigger) { return kRunTriggers.at(static_cast<std::size_t>(trigger)); }
inline std::string_view NameOf(RunStatus status) { return kRunStatuses.at(static_cast<std::size_t>(status)); }

using Counts = std::map<std::string, std::int64_t>;

struct TaskRun {
  std::int64_t id = 0;
  std::string task;
  std::string instance;
  RunTrigger trigger = RunTrigger::kSchedule;
  int attempt = 1;
  Counts parameters;  // what was said for this run; true is 1
  std::optional<TimeMicros> due_at;
  TimeMicros started_at = 0;
  std::optional<TimeMicros> finished_at;
  RunStatus status = RunStatus::kRunning;
  Counts counts;
  std::string summary;
  std::string error;
};

struct TaskPlan {
  std::string name;
  std::string schedule;
  bool enabled = true;
  std::chrono::seconds time_limit{0};
  std::string changed_by;
  TimeMicros changed_at = 0;
};

struct RunList {
  std::string task;  // empty: of all
  std::optional<RunStatus> status;
  int page_size = 0;
  std::int64_t before = 0;  // only runs with a smaller id; 0: from the newest on
};

struct PlanUpdate {
  std::string task;
  std::optional<Schedule> schedule;
  std::optional<bool> enabled;
  std::string changed_by;
};

struct RunRequest {
  std::string task;
  bool dry_run = false;
  std::optional<int> retention_days;
  std::optional<int> from_days;
  std::optional<int> to_days;
};

// From what a client sent; conventions as in query_validation.h. `status`: the number of the proto enum, 0 for any.
absl::StatusOr<RunList> ParseRunList(const std::string& task, int status, std::int32_t page_size,
                                     const std::string& token);
absl::StatusOr<PlanUpdate> ParsePlanUpdate(const std::string& task, const std::optional<std::string>& schedule,
                                           std::optional<bool> enabled, const std::string& changed_by);
absl::StatusOr<RunRequest> ParseRunRequest(RunRequest raw);

}  // namespace eventstore::domain
