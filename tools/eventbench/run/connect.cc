#include "tools/eventbench/run/connect.h"

#include <fmt/format.h>

#include <chrono>

namespace eventstore::eventbench {
namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr int kMaxReceiveBytes = 64 << 20;

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<grpc::Channel>>> Connect(const Options& options, int connections) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    // Channels to one address share a connection otherwise.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
    // A retry behind our back would hide what is to be measured.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    channels.push_back(grpc::CreateCustomChannel(options.server, options.make_credentials(), arguments));
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
