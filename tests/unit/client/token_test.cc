#include "eventstore/token.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "eventstore/client.h"
#include "eventstore/v1/event_store.grpc.pb.h"

namespace eventstore::client {
namespace {

using ::testing::ElementsAre;

// Keeps what each call brings as `authorization`.
class Keeper {
 public:
  grpc::Status Keep(const grpc::ServerContext& context) {
    const auto [first, end] = context.client_metadata().equal_range("authorization");
    const std::scoped_lock lock(mutex_);
    std::string& all = seen_.emplace_back();
    for (auto one = first; one != end; ++one) all += std::string(one->second.data(), one->second.size()) + ";";
    return grpc::Status::OK;
  }
  std::vector<std::string> seen() {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> seen_;
};

class Events final : public v1::EventStore::Service {
 public:
  explicit Events(Keeper& keeper) : keeper_(keeper) {}
  grpc::Status CountEvents(grpc::ServerContext* context, const v1::CountEventsRequest* /*request*/,
                           v1::CountEventsResponse* /*response*/) override {
    return keeper_.Keep(*context);
  }
  grpc::Status ReadAll(grpc::ServerContext* context, const v1::ReadAllRequest* /*request*/,
                       grpc::ServerWriter<v1::ReadAllResponse>* /*writer*/) override {
    return keeper_.Keep(*context);
  }

 private:
  Keeper& keeper_;
};

class TokenTest : public ::testing::Test {
 protected:
  TokenTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&events_);
    server_ = builder.BuildAndStart();
  }
  ~TokenTest() override { server_->Shutdown(); }

  EventStoreClient ClientWith(std::function<std::string()> token) const {
    Options options;
    options.target = "127.0.0.1:" + std::to_string(port_);
    options.token = std::move(token);
    return EventStoreClient(options);
  }

  Keeper keeper_;
  Events events_{keeper_};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(TokenTest, IsAskedForBeforeEachCall) {
  int asked = 0;
  const auto client = ClientWith([&] { return "key-" + std::to_string(++asked); });
  EXPECT_TRUE(client.Count({}).ok());
  EXPECT_TRUE(client.Count({}).ok());
  EXPECT_FALSE(client.ReadAll({}).Next().has_value());
  EXPECT_THAT(keeper_.seen(), ElementsAre("Bearer key-1;", "Bearer key-2;", "Bearer key-3;"));
}

TEST_F(TokenTest, NoneAndAnEmptyOneAreNotSent) {
  EXPECT_TRUE(ClientWith(nullptr).Count({}).ok());
  EXPECT_TRUE(ClientWith([] { return std::string(); }).Count({}).ok());
  EXPECT_THAT(keeper_.seen(), ElementsAre("", ""));
}

TEST_F(TokenTest, GoesWithAChannelOfOnesOwn) {
  const auto channel = grpc::experimental::CreateCustomChannelWithInterceptors(
      "127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials(), {},
      TokenInterceptors([] { return std::string("mine"); }));
  EXPECT_TRUE(EventStoreClient(channel, {}).Count({}).ok());
  EXPECT_THAT(keeper_.seen(), ElementsAre("Bearer mine;"));
}

}  // namespace
}  // namespace eventstore::client
