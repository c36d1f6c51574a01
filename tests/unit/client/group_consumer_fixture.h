// A consumer of a group, and the server that it talks to.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "eventstore/group_consumer.h"
#include "tests/unit/client/fake_subscriptions.h"

namespace eventstore::client {
using Stream = FakeSubscriptions::ConsumeStream;

inline const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

inline v1::ConsumeResponse Deliveries(const std::vector<std::int64_t>& ids) {
  v1::ConsumeResponse message;
  for (const auto id : ids) {
    auto* delivery = message.mutable_deliveries()->add_deliveries();
    delivery->set_delivery_id(id);
    delivery->set_attempt(2);
    delivery->set_bucket(3);
    delivery->set_settled_position(id - 1);
    delivery->set_replayed(true);
    delivery->mutable_event()->set_global_position(id * 10);
  }
  return message;
}

inline v1::ConsumeResponse TakenBack(const std::vector<std::int64_t>& ids) {
  v1::ConsumeResponse message;
  message.mutable_taken_back()->mutable_delivery_ids()->Assign(ids.begin(), ids.end());
  return message;
}

inline v1::ConsumeRequest Read(Stream* stream) {
  v1::ConsumeRequest message;
  EXPECT_TRUE(stream->Read(&message));
  return message;
}

inline bool HasEnded(Stream* stream) {
  v1::ConsumeRequest message;
  return !stream->Read(&message);
}

class GroupConsumerTest : public testing::Test {
 protected:
  // The next call, as the server sees it; its join is read already, unless it fails before.
  void Then(const std::function<grpc::Status(Stream*)>& serve) {
    fake_.consume.Then([serve](grpc::ServerContext*, const auto&, Stream* stream) {
      EXPECT_EQ(Read(stream).join().group(), "mailer");
      v1::ConsumeResponse joined;
      joined.mutable_joined()->set_member_id("m");
      stream->Write(joined);
      return serve(stream);
    });
  }

  static GroupDelivery Take(GroupConsumer& consumer) {
    auto delivery = consumer.Next();
    EXPECT_TRUE(delivery && delivery->ok());
    return delivery && delivery->ok() ? **std::move(delivery) : GroupDelivery{};
  }

  static bool AwaitTakenBack(const GroupConsumer& consumer, const GroupDelivery& delivery) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!consumer.IsTakenBack(delivery)) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  EventStoreClient Client() { return server_.MakeClient(); }

  FakeSubscriptions fake_;
  FakeServer server_{&fake_};
};

}  // namespace eventstore::client
