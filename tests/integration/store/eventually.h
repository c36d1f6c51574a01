// Waiting for a condition instead of for a time.
#pragma once

#include <chrono>
#include <thread>

namespace eventstore::testing {

// Asks `condition` until it holds. False after `patience`: far beyond what any of our conditions takes, so it means never.
template <typename Condition>
bool Eventually(Condition&& condition, std::chrono::seconds patience = std::chrono::minutes(1)) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace eventstore::testing
