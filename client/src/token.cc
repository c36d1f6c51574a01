#include "eventstore/token.h"

#include <utility>

namespace eventstore::client {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::ClientRpcInfo;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

class AddToken final : public Interceptor {
 public:
  explicit AddToken(const TokenProvider& provider) : provider_(provider) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      if (const std::string token = provider_(); !token.empty()) {
        methods->GetSendInitialMetadata()->emplace("authorization", "Bearer " + token);
      }
    }
    methods->Proceed();
  }

 private:
  const TokenProvider& provider_;
};

class Factory final : public ClientInterceptorFactoryInterface {
 public:
  explicit Factory(TokenProvider provider) : provider_(std::move(provider)) {}

  // gRPC deletes it with the call, and keeps this factory as long as the channel, which its calls keep.
  Interceptor* CreateClientInterceptor(ClientRpcInfo* /*info*/) override { return new AddToken(provider_); }

 private:
  const TokenProvider provider_;
};

}  // namespace

std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> TokenInterceptors(TokenProvider provider) {
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> factories;
  if (provider) factories.push_back(std::make_unique<Factory>(std::move(provider)));
  return factories;
}

}  // namespace eventstore::client
