#include "server/service/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "server/domain/error.h"

namespace eventstore::service {
namespace {

// Linked in, reflection is part of every server; an option may take it out again.
class NoReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

void SetLimits(grpc::ServerBuilder& builder, const ConnectionLimits& limits) {
  builder.SetMaxReceiveMessageSize(std::min(limits.message_bytes, kMaxReceiveBytes / 2) * 2);
  const auto milliseconds = [](std::chrono::seconds time) {
    return static_cast<int>(std::chrono::milliseconds(time).count());
  };
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, milliseconds(limits.handshake));
  if (limits.keepalive.count() > 0)
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits.keepalive));
  if (limits.idle.count() > 0) builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, milliseconds(limits.idle));
  if (limits.age.count() > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, milliseconds(limits.age));
    // For calls that have no end of their own; else a stream would keep its connection for ever.
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, milliseconds(limits.age));
  }
  if (limits.streams > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.streams);
    builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);  // for the ResetGuard; it is gRPC's default
  }
  if (limits.memory_mib > 0) {
    grpc::ResourceQuota quota("eventstored");
    quota.Resize(static_cast<std::size_t>(limits.memory_mib) << 20);
    builder.SetResourceQuota(quota);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(const std::string& listen,
                                                              std::shared_ptr<grpc::ServerCredentials> credentials,
                                                              const std::vector<grpc::Service*>& services,
                                                              const std::vector<std::string>& service_names,
                                                              bool reflection, const ConnectionLimits& limits,
                                                              const CallCount& calls) {
  // Naming the descriptors links them in: reflection then describes the health service, and clients can print details.
  google::protobuf::LinkMessageReflection<grpc::health::v1::HealthCheckRequest>();
  google::protobuf::LinkMessageReflection<google::rpc::ErrorInfo>();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();

  auto server = std::unique_ptr<GrpcServer>(new GrpcServer());
  grpc::ServerBuilder builder;
  if (!reflection) builder.SetOption(std::make_unique<NoReflection>());
  SetLimits(builder, limits);
  // Two servers on one port would split the clients between them at random.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Clients may ping an idle connection twice a minute to notice a dead network.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddListeningPort(listen, std::move(credentials), &server->port_);
  for (grpc::Service* service : services) builder.RegisterService(service);
  server->server_ = builder.BuildAndStart();
  if (!server->server_ || server->port_ == 0) {
    return domain::ErrorOf(domain::Reason::kInternal,
                           fmt::format("cannot listen on {}: the address is in use or not one of this machine's; stop "
                                       "the other server or choose another with --grpc-listen",
                                       listen));
  }
  if (limits.streams > 0) server->guard_ = std::make_unique<ResetGuard>(server->port_, limits.streams, calls);
  server->names_ = service_names;
  server->SetServing(false);
  return server;
}

void GrpcServer::SetServing(bool serving) {
  auto* health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  for (const auto& name : names_) health->SetServingStatus(name, serving);
}

void GrpcServer::Shutdown() {
  guard_.reset();
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
}

}  // namespace eventstore::service
