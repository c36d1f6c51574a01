#include "server/service/health_monitor.h"

#include <optional>

#include "spdlog/spdlog.h"

namespace eventstore::service {

HealthMonitor::HealthMonitor(const std::string& conninfo, std::function<void(bool)> changed)
    : changed_(std::move(changed)), database_(conninfo, "health"), thread_([this] { Run(); }) {}

HealthMonitor::~HealthMonitor() { Stop(); }

void HealthMonitor::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  serving_ = false;
  changed_(false);
}

bool HealthMonitor::Ask() {
  const absl::Status answer = database_.Ask(kPatience);
  if (!answer.ok() && serving_) spdlog::warn("the database is away: {}", std::string(answer.message()));
  answers_ = answer.ok();
  return answer.ok();
}

void HealthMonitor::Run() {
  std::optional<bool> told;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool now = Ask();
    if (told != now) {
      if (told && now) spdlog::info("the database is back");
      serving_ = now;
      changed_(now);
      told = now;
    }
    lock.lock();
    wake_.wait_for(lock, kInterval, [&] { return stopping_; });
  }
}

}  // namespace eventstore::service
