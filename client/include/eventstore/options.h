// How a client connects, how long it waits and when it tries again.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace grpc {
class ChannelCredentials;
}

namespace eventstore::client {

// Which errors are retried:
//   every call   UNAVAILABLE, and RESOURCE_EXHAUSTED where the server says when to come back (RetryInfo)
//   appends too  UNKNOWN and DEADLINE_EXCEEDED while the call's own deadline has not passed: such an append may have
//                been written, and repeating it with the same event ids gives its first result
// Everything else is answered at once; ABORTED (a version conflict) asks for a new decision, see update.h.
struct RetryPolicy {
  // Attempts in a row without progress, the first included; 1: never retry. A read that yields events starts anew.
  int max_attempts = 10;
  // Before attempt n + 1: initial * multiplier^(n - 1), at most max, of which a random half to all is waited. A delay
  // that the server asks for comes on top of a random part of up to half of that.
  std::chrono::milliseconds initial_backoff{50};
  std::chrono::milliseconds max_backoff{5'000};
  double multiplier = 2.0;
};

// What the client takes from the outside world; tests put in their own. Each must be thread-safe.
struct Hooks {
  std::function<std::chrono::steady_clock::time_point()> now = nullptr;  // default: steady_clock
  std::function<void(std::chrono::milliseconds)> sleep = nullptr;        // default: this thread sleeps
  std::function<double()> random = nullptr;                              // in [0, 1); default: random_device
  std::function<std::string()> make_id;                                  // default: MakeUuidV7, see ids.h
};

struct Options {
  // A gRPC name: host:port, unix:/path, dns:///name:port.
  std::string target = "127.0.0.1:50051";
  // Null: no encryption (grpc::InsecureChannelCredentials).
  std::shared_ptr<grpc::ChannelCredentials> credentials = nullptr;
  // The key or token of each call, see token.h; null: none. Not used for a channel of your own.
  std::function<std::string()> token = nullptr;
  // For a unary call with all its retries. 0: no limit.
  std::chrono::milliseconds call_timeout{30'000};
  // For one attempt of an append; when it passes, the append is repeated with the same ids. 0: only call_timeout holds.
  std::chrono::milliseconds append_attempt_timeout{10'000};
  // For a read from its first page to its last, your own time between events included. 0: no limit.
  std::chrono::milliseconds read_timeout{0};
  RetryPolicy retry = {};
  Hooks hooks = {};
};

// For one call.
struct CallOptions {
  // Instead of Options::call_timeout or Options::read_timeout. 0: no limit.
  std::optional<std::chrono::milliseconds> timeout = std::nullopt;
};

}  // namespace eventstore::client
