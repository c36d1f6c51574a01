#include "client/src/retry.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "client/src/status.h"
#include "eventstore/errors.h"

namespace eventstore::client::internal {

Deadline::Deadline(const Hooks& hooks, std::chrono::milliseconds timeout) : hooks_(&hooks) {
  if (timeout.count() > 0) at_ = hooks.now() + timeout;
}

std::optional<std::chrono::milliseconds> Deadline::Remaining() const {
  if (!at_) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*at_ - hooks_->now());
  return std::max(left, std::chrono::milliseconds(0));
}

bool IsRetryable(const absl::Status& error, Safety safety) {
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kResourceExhausted:
      // Without RetryInfo this is a message that is too large, for gRPC, and stays so.
      return RetryDelay(error).has_value();
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
      return safety == Safety::kAppendWithIds;
    default:
      return false;
  }
}

RetryLoop::RetryLoop(const Options& options, Safety safety, Deadline deadline)
    : options_(options), safety_(safety), deadline_(deadline) {}

absl::Status RetryLoop::WaitAfter(const absl::Status& error) {
  ++failures_;
  if (!IsRetryable(error, safety_)) return error;
  const std::string attempts = " (after " + std::to_string(failures_) + " attempts)";
  if (failures_ >= options_.retry.max_attempts) return failures_ > 1 ? WithNote(error, attempts) : error;
  const auto delay = DelayAfter(error);
  const auto left = deadline_.Remaining();
  // An attempt that begins at the deadline cannot succeed: tell at once.
  if (left && *left <= delay) return failures_ > 1 ? WithNote(error, attempts) : error;
  options_.hooks.sleep(delay);
  return absl::OkStatus();
}

std::chrono::milliseconds RetryLoop::DelayAfter(const absl::Status& error) const {
  const RetryPolicy& policy = options_.retry;
  const double grown = static_cast<double>(policy.initial_backoff.count()) * std::pow(policy.multiplier, failures_ - 1);
  const double backoff = std::min(grown, static_cast<double>(policy.max_backoff.count()));
  // Random, so that clients that failed together do not come back together.
  const double half = backoff / 2;
  const double jitter = half * options_.hooks.random();
  const auto asked = RetryDelay(error);
  const auto wait = [](double ms) { return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(ms))); };
  return asked ? *asked + wait(jitter) : wait(half + jitter);
}

}  // namespace eventstore::client::internal
