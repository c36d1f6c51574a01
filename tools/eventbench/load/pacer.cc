#include "tools/eventbench/load/pacer.h"

#include <sys/prctl.h>

#include <algorithm>

namespace eventstore::eventbench {
namespace {

// So that neither Stop() nor the worker waits for the next tick of a slow rate.
constexpr std::chrono::milliseconds kLongestSleep{20};

}  // namespace

Pacer::Pacer(grpc::CompletionQueue& queue, Completion& tick, const Schedule& schedule)
    : queue_(queue), tick_(tick), schedule_(schedule), thread_([this] { Run(); }) {}

void Pacer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void Pacer::Run() {
  // The kernel otherwise adds up to 50 us to each sleep, to wake less often.
  prctl(PR_SET_TIMERSLACK, 1'000UL);
  while (!stopping_) {
    const Instant now = Clock::now();
    std::this_thread::sleep_until(std::min(schedule_.Intended(schedule_.DueBy(now)), now + kLongestSleep));
    // Moments that were slept through are not made up for: one tick is enough to start all that is due.
    if (!pending_.exchange(true)) alarm_.Set(&queue_, gpr_inf_past(GPR_CLOCK_MONOTONIC), &tick_);
  }
}

}  // namespace eventstore::eventbench
