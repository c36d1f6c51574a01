#include "tools/eventctl/context.h"

#include <utility>

#include "eventstore/token.h"
#include "tools/eventctl/input/token.h"

namespace eventstore::eventctl {

client::CallOptions CallOptionsOf(const Context& context) {
  if (context.timeout_seconds <= 0) return {};
  const std::chrono::duration<double> timeout(context.timeout_seconds);
  return {.timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout)};
}

client::EventStoreClient MakeClient(const Context& context, client::Hooks hooks) {
  client::Options options;
  options.target = context.server;
  options.credentials = context.Credentials();
  options.token = TokenFrom(context.token_file);
  options.hooks = std::move(hooks);
  options.retry.max_attempts = 6;
  options.retry.initial_backoff = std::chrono::milliseconds(50);
  options.retry.max_backoff = std::chrono::milliseconds(1'000);
  return client::EventStoreClient(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(const Context& context) {
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      context.server, context.Credentials(), {}, client::TokenInterceptors(TokenFrom(context.token_file)));
}

}  // namespace eventstore::eventctl
