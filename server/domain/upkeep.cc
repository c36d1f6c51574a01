#include "server/domain/upkeep.h"

#include <algorithm>

namespace eventstore::domain {
namespace {

constexpr TimeMicros kClockDifference = 3'600 * kMicrosPerSecond;

TimeMicros Micros(std::chrono::seconds time) { return time.count() * kMicrosPerSecond; }

}  // namespace

std::optional<std::chrono::seconds> PauseAfter(const RetryPolicy& policy, int failures) {
  if (failures < 1 || failures >= policy.most) return std::nullopt;
  auto pause = policy.first;
  for (int i = 1; i < failures && pause < policy.longest; ++i) pause *= 2;
  return std::min(pause, policy.longest);
}

std::optional<NextRun> PlanNextRun(const TaskHistory& history, const RetryPolicy& policy, TimeMicros now,
                                   bool starting) {
  if (!history.enabled) return std::nullopt;
  const int attempt = history.failures + 1;
  if (history.interrupted) return NextRun{now, RunTrigger::kRepair, attempt, std::nullopt};
  if (starting && (history.always_at_start || !history.served)) {
    return NextRun{now, RunTrigger::kStartup, attempt, std::nullopt};
  }
  TimeMicros served = history.served.value_or(std::min(history.known_since, now));
  if (served > now + kClockDifference) served = now;
  std::optional<NextRun> next;
  if (const auto slot = history.schedule.NextAfter(served)) {
    next = NextRun{*slot, starting && *slot <= now ? RunTrigger::kStartup : RunTrigger::kSchedule, attempt, slot};
  }
  if (history.failed_at) {
    const auto pause = PauseAfter(policy, history.failures);
    const TimeMicros at = std::min(*history.failed_at, now) + Micros(pause.value_or(std::chrono::seconds{0}));
    if (pause && (!next || at < next->at)) next = NextRun{at, RunTrigger::kSchedule, attempt, std::nullopt};
  }
  return next;
}

bool IsOverdue(const Schedule& schedule, TimeMicros last_success, std::chrono::seconds grace, TimeMicros now) {
  const auto due = schedule.NextAfter(std::min(last_success, now));
  return due && now - *due > Micros(grace);
}

}  // namespace eventstore::domain
