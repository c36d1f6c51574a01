// When a call is tried again, and how long it waits before that.
#pragma once

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "eventstore/options.h"

namespace eventstore::client::internal {

// When a call has to be over, by the injected clock.
class Deadline {
 public:
  // `timeout` 0: never.
  Deadline(const Hooks& hooks, std::chrono::milliseconds timeout);

  // None: there is no deadline. Never below 0.
  std::optional<std::chrono::milliseconds> Remaining() const;

 private:
  const Hooks* hooks_;  // outlives the call: it is part of the client's Core
  std::optional<std::chrono::steady_clock::time_point> at_;
};

enum class Safety {
  kRead,           // changes nothing, but a slow answer is no reason to ask again
  kAppendWithIds,  // may have been written; a repeat is recognised by its event ids
};

bool IsRetryable(const absl::Status& error, Safety safety);

// The attempts of one call.
class RetryLoop {
 public:
  RetryLoop(const Options& options, Safety safety, Deadline deadline);

  // After a failed attempt: waits and answers OK when there is to be another one, else the error to return.
  absl::Status WaitAfter(const absl::Status& error);

  // The last attempt got something done, so the next failure is a first one.
  void MadeProgress() { failures_ = 0; }

  const Deadline& deadline() const { return deadline_; }

 private:
  std::chrono::milliseconds DelayAfter(const absl::Status& error) const;

  const Options& options_;
  const Safety safety_;
  const Deadline deadline_;
  int failures_ = 0;
};

}  // namespace eventstore::client::internal
