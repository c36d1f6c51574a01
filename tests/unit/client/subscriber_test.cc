// A subscription: what it delivers, and where it goes on after a break.
#include "eventstore/subscriber.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/unit/client/fake_subscriptions.h"

namespace eventstore::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::SizeIs;
using Kind = Delivery::Kind;
using Writer = grpc::ServerWriter<v1::SubscribeResponse>;

const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

v1::SubscribeResponse Events(const std::vector<std::int64_t>& positions) {
  v1::SubscribeResponse message;
  for (const auto position : positions) message.mutable_events()->add_events()->set_global_position(position);
  return message;
}

v1::SubscribeResponse CaughtUp(std::int64_t position) {
  v1::SubscribeResponse message;
  message.mutable_caught_up()->set_position(position);
  return message;
}

v1::SubscribeResponse Checkpoint(std::int64_t position) {
  v1::SubscribeResponse message;
  message.mutable_checkpoint()->set_position(position);
  return message;
}

v1::SubscribeResponse Heartbeat() {
  v1::SubscribeResponse message;
  message.mutable_heartbeat();
  return message;
}

class SubscriberTest : public testing::Test {
 protected:
  // A stream that gives these messages and ends.
  void ThenGive(const std::vector<v1::SubscribeResponse>& messages, const grpc::Status& end = kGone) {
    fake_.subscribe.Then([messages, end](auto*, const auto&, Writer* writer) {
      for (const auto& message : messages) writer->Write(message);
      return end;
    });
  }

  static v1::SubscribeRequest FromBeginning() {
    v1::SubscribeRequest request;
    request.mutable_from_beginning();
    request.set_aggregate_id("a");
    return request;
  }

  // The next `count`, events as their positions, others as their positions below zero.
  static std::vector<std::int64_t> Take(Subscriber& subscriber, int count) {
    std::vector<std::int64_t> taken;
    for (int i = 0; i < count; ++i) {
      const auto delivery = subscriber.Next();
      if (!delivery || !delivery->ok()) return taken;
      taken.push_back((*delivery)->kind == Kind::kEvent ? (*delivery)->position : -(*delivery)->position);
    }
    return taken;
  }

  FakeSubscriptions fake_;
  FakeServer server_{&fake_};
};

TEST_F(SubscriberTest, DeliversEventsAndWhereItIs) {
  v1::SubscribeResponse behind;
  behind.mutable_fell_behind()->set_position(7);
  ThenGive({Events({1, 5}), CaughtUp(6), Heartbeat(), Events({7}), behind, Checkpoint(9)});
  Subscriber subscriber(server_.MakeClient(), FromBeginning());
  std::vector<std::pair<Kind, std::int64_t>> taken;
  for (int i = 0; i < 6; ++i) {
    const auto delivery = subscriber.Next();
    ASSERT_TRUE(delivery && delivery->ok());
    taken.emplace_back((*delivery)->kind, (*delivery)->position);
  }
  EXPECT_THAT(
      taken, ElementsAre(std::pair(Kind::kEvent, 1), std::pair(Kind::kEvent, 5), std::pair(Kind::kCaughtUp, 6),
                         std::pair(Kind::kEvent, 7), std::pair(Kind::kFellBehind, 7), std::pair(Kind::kCheckpoint, 9)));
}

TEST_F(SubscriberTest, GoesOnAfterTheLastEventItGave) {
  ThenGive({Events({1, 5, 8})});
  ThenGive({Events({9}), CaughtUp(12)});
  ThenGive({Events({20})});
  ThenGive({}, {grpc::StatusCode::INVALID_ARGUMENT, "enough"});
  Subscriber subscriber(server_.MakeClient(), FromBeginning());
  EXPECT_THAT(Take(subscriber, 6), ElementsAre(1, 5, 8, 9, -12, 20));
  EXPECT_EQ(subscriber.Next()->status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(subscriber.Next().has_value());
  const auto requests = fake_.subscribe.requests();
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_TRUE(requests[0].has_from_beginning());
  EXPECT_EQ(requests[1].from_position(), 8);
  EXPECT_EQ(requests[2].from_position(), 12);
  EXPECT_EQ(requests[3].from_position(), 20);
  for (const auto& request : requests) EXPECT_EQ(request.aggregate_id(), "a");
}

TEST_F(SubscriberTest, TellsWhetherTheNextOneIsHere) {
  ThenGive({Events({1, 2}), CaughtUp(2)}, {grpc::StatusCode::INVALID_ARGUMENT, "enough"});
  Subscriber subscriber(server_.MakeClient(), FromBeginning());
  EXPECT_FALSE(subscriber.HasNext());
  EXPECT_THAT(Take(subscriber, 1), ElementsAre(1));
  EXPECT_TRUE(subscriber.HasNext());
  EXPECT_THAT(Take(subscriber, 1), ElementsAre(2));
  EXPECT_FALSE(subscriber.HasNext());
  EXPECT_THAT(Take(subscriber, 1), ElementsAre(-2));
  EXPECT_FALSE(subscriber.HasNext());
}

TEST_F(SubscriberTest, TriesForAsLongAsItTakes) {
  Options options;
  options.retry = {.max_attempts = 2, .initial_backoff = milliseconds(100), .max_backoff = milliseconds(400)};
  for (int i = 0; i < 30; ++i) fake_.subscribe.ThenFail(kGone);
  ThenGive({Events({1})});
  Subscriber subscriber(server_.MakeClient(options), FromBeginning());
  EXPECT_THAT(Take(subscriber, 1), ElementsAre(1));
  EXPECT_THAT(server_.time.sleeps, SizeIs(30));
  EXPECT_EQ(server_.time.sleeps.front(), milliseconds(75));
  EXPECT_EQ(server_.time.sleeps.back(), milliseconds(300));
}

TEST_F(SubscriberTest, ErrorsThatStayEndIt) {
  fake_.subscribe.ThenFail(ErrorMaker(grpc::StatusCode::OUT_OF_RANGE, "ahead").Reason("POSITION_AHEAD").Grpc());
  Subscriber subscriber(server_.MakeClient(), FromBeginning());
  const auto failed = subscriber.Next();
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(ErrorReason(failed->status()), "POSITION_AHEAD");
  EXPECT_FALSE(subscriber.Next().has_value());
  EXPECT_THAT(fake_.subscribe.requests(), SizeIs(1));
}

TEST_F(SubscriberTest, CancelWakesAWaitingReader) {
  std::promise<void> entered;
  fake_.subscribe.Then([&](grpc::ServerContext* context, const auto&, Writer*) {
    entered.set_value();
    while (!context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
    return grpc::Status::CANCELLED;
  });
  Subscriber subscriber(server_.MakeClient(), FromBeginning());
  std::thread canceller([&] {
    entered.get_future().wait();
    subscriber.Cancel();
  });
  EXPECT_FALSE(subscriber.Next().has_value());
  canceller.join();
  EXPECT_FALSE(subscriber.Next().has_value());
}

TEST_F(SubscriberTest, ItsEndCancelsTheStream) {
  std::promise<bool> cancelled;
  fake_.subscribe.Then([&](grpc::ServerContext* context, const auto&, Writer* writer) {
    writer->Write(Events({1}));
    for (int ms = 0; ms < 10'000 && !context->IsCancelled(); ++ms) std::this_thread::sleep_for(milliseconds(1));
    cancelled.set_value(context->IsCancelled());
    return grpc::Status::CANCELLED;
  });
  {
    Subscriber subscriber(server_.MakeClient(), FromBeginning());
    EXPECT_THAT(Take(subscriber, 1), ElementsAre(1));
  }
  EXPECT_TRUE(cancelled.get_future().get());
}

}  // namespace
}  // namespace eventstore::client
