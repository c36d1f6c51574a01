// Asks the database twice a second whether it is there, and tells whoever wants to know when that changes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "server/storage/database_probe.h"

namespace eventstore::service {

class HealthMonitor {
 public:
  static constexpr std::chrono::milliseconds kInterval{500};
  // A database that does not answer in this time is away.
  static constexpr std::chrono::milliseconds kPatience{2'000};

  // `changed` is called on the monitor's thread, first with the first finding.
  HealthMonitor(const std::string& conninfo, std::function<void(bool serving)> changed);
  ~HealthMonitor();

  // For good: reports not serving, and asks no more.
  void Stop();

  bool serving() const { return serving_; }
  // As last asked, also after Stop().
  bool database_answers() const { return answers_; }

 private:
  void Run();
  bool Ask();

  const std::function<void(bool)> changed_;
  storage::DatabaseProbe database_;
  std::atomic<bool> serving_ = false;
  std::atomic<bool> answers_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace eventstore::service
