#include "tools/eventbench/run/connect.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <string>

#include "eventstore/token.h"

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr int kMaxReceiveBytes = 64 << 20;

// Read once: a file that is read for each call would be measured too. Null: no token.
absl::StatusOr<client::TokenProvider> TokenOf(const Options& options) {
  if (options.token_file.empty()) return client::TokenProvider();
  std::string text;
  if (std::ifstream in(options.token_file); !(in >> text)) {
    return absl::InvalidArgumentError(fmt::format("there is no token in {}; check --token-file", options.token_file));
  }
  return client::TokenProvider([text] { return text; });
}

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Connect(const Options& options, int connections) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  auto token = TokenOf(options);
  if (!token.ok()) return token.status();
  for (int i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    // Channels to one address share a connection otherwise.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
    // A retry behind our back would hide what is to be measured.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    channels.push_back(grpc::experimental::CreateCustomChannelWithInterceptors(
        options.server, options.make_credentials(), arguments, client::TokenInterceptors(*token)));
  }
  const auto deadline = std::chrono::system_clock::now() + kPatience;
  for (const auto& channel : channels) {
    if (!channel->WaitForConnected(deadline)) {
      return absl::UnavailableError(fmt::format("no server answers on {}", options.server));
    }
  }
  return channels;
}

}  // namespace eventstore::eventbench
