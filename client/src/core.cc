#include "client/src/core.h"

#include <random>
#include <thread>
#include <utility>

#include "eventstore/ids.h"

namespace eventstore::client::internal {

Core::Core(Options options, const std::shared_ptr<grpc::ChannelInterface>& channel)
    : options_(WithDefaults(std::move(options))), stub_(v1::EventStore::NewStub(channel)) {}

Deadline Core::CallDeadline(const CallOptions& call) const {
  return {options_.hooks, call.timeout.value_or(options_.call_timeout)};
}

Deadline Core::ReadDeadline(const CallOptions& call) const {
  return {options_.hooks, call.timeout.value_or(options_.read_timeout)};
}

Options WithDefaults(Options options) {
  Hooks& hooks = options.hooks;
  if (!hooks.now) hooks.now = [] { return std::chrono::steady_clock::now(); };
  if (!hooks.sleep) hooks.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
  if (!hooks.make_id) hooks.make_id = MakeUuidV7;
  if (!hooks.random) {
    hooks.random = [] {
      std::random_device device;
      return std::uniform_real_distribution<double>(0, 1)(device);
    };
  }
  return options;
}

void FillIds(v1::AppendRequest& request, const Hooks& hooks) {
  for (auto& event : *request.mutable_events()) {
    if (event.id().empty()) event.set_id(hooks.make_id());
  }
}

void SetDeadline(grpc::ClientContext& context, std::optional<std::chrono::milliseconds> left) {
  if (left) context.set_deadline(std::chrono::system_clock::now() + *left);
}

}  // namespace eventstore::client::internal
