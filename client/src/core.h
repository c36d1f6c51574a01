// What the copies of a client share: options, channel, stub.
#pragma once

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "client/src/retry.h"
#include "client/src/status.h"
#include "eventstore/options.h"
#include "eventstore/v1/event_store.grpc.pb.h"
#include "eventstore/v1/subscriptions.grpc.pb.h"

namespace eventstore::client::internal {

class Core {
 public:
  Core(Options options, const std::shared_ptr<grpc::ChannelInterface>& channel);

  const Options& options() const { return options_; }
  v1::EventStore::Stub& stub() const { return *stub_; }
  v1::Subscriptions::Stub& subscriptions() const { return *subscriptions_; }

  Deadline CallDeadline(const CallOptions& call) const;
  Deadline ReadDeadline(const CallOptions& call) const;

 private:
  const Options options_;
  const std::unique_ptr<v1::EventStore::Stub> stub_;
  const std::unique_ptr<v1::Subscriptions::Stub> subscriptions_;
};

// Fills in what was left empty.
Options WithDefaults(Options options);

// Gives an id to every event that has none.
void FillIds(v1::AppendRequest& request, const Hooks& hooks);

// gRPC's deadlines are of the system clock; `left` comes from the injected one. None: no deadline.
void SetDeadline(grpc::ClientContext& context, std::optional<std::chrono::milliseconds> left);

// One unary call with its retries. `method(context, response)` makes one attempt.
template <typename Response, typename Method>
absl::StatusOr<Response> CallUnary(const Core& core, Safety safety, Deadline deadline, Method method) {
  RetryLoop loop(core.options(), safety, deadline);
  const auto attempt_timeout = core.options().append_attempt_timeout;
  while (true) {
    auto left = deadline.Remaining();
    if (safety == Safety::kAppendWithIds && attempt_timeout.count() > 0) {
      left = std::min(left.value_or(attempt_timeout), attempt_timeout);
    }
    grpc::ClientContext context;
    SetDeadline(context, left);
    Response response;
    const absl::Status status = FromGrpc(method(&context, &response));
    if (status.ok()) return response;
    if (absl::Status verdict = loop.WaitAfter(status); !verdict.ok()) return verdict;
  }
}

}  // namespace eventstore::client::internal
