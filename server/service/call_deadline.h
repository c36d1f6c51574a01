// A call's deadline on our own clock.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>

#include "server/domain/clock.h"

namespace eventstore::service {

// `longest`: what a call without a deadline gets, and the most that any gets.
inline domain::MonotonicTime DeadlineOf(const grpc::CallbackServerContext& context, const domain::Clock& clock,
                                        std::chrono::milliseconds longest) {
  const auto now = clock.Monotonic();
  // gRPC gives the deadline on the system clock, a call without one as its far end; comparing before subtracting keeps
  // the difference from overflowing.
  const auto system_now = std::chrono::system_clock::now();
  if (context.deadline() >= system_now + longest) return now + longest;
  return now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(context.deadline() - system_now);
}

}  // namespace eventstore::service
