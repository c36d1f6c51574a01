// A consumer of a group: what it does when its call breaks, ends or shall end.
#include <future>
#include <thread>

#include "tests/unit/client/group_consumer_fixture.h"

namespace eventstore::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::SizeIs;

TEST_F(GroupConsumerTest, JoinsAgainAndForgetsWhatTheBrokenCallBrought) {
  std::promise<void> in_hand;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1, 2}));
    in_hand.get_future().wait();
    return kGone;
  });
  fake_.consume.ThenFail(kGone);
  std::vector<v1::ConsumeRequest> messages;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1}));
    v1::ConsumeRequest message;
    while (stream->Read(&message)) messages.push_back(message);
    return grpc::Status::OK;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer"});
    const GroupDelivery old = Take(consumer);
    in_hand.set_value();
    EXPECT_TRUE(AwaitTakenBack(consumer, old));
    const GroupDelivery again = Take(consumer);
    EXPECT_EQ(again.id, old.id);
    EXPECT_FALSE(consumer.Ack(old)) << "of another call";
    EXPECT_TRUE(consumer.Ack(again));
  }
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_THAT(messages[0].ack().delivery_ids(), ElementsAre(1));
  EXPECT_THAT(server_.time.sleeps, SizeIs(2));
}

TEST_F(GroupConsumerTest, ErrorsThatStayEndIt) {
  fake_.consume.ThenFail(ErrorMaker(grpc::StatusCode::NOT_FOUND, "none").Reason("GROUP_NOT_FOUND").Grpc());
  GroupConsumer consumer(Client(), {.group = "mailer"});
  const auto failed = consumer.Next();
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(ErrorReason(failed->status()), "GROUP_NOT_FOUND");
  EXPECT_FALSE(consumer.Next().has_value());
  EXPECT_THAT(fake_.consume.requests(), SizeIs(1));
}

TEST_F(GroupConsumerTest, WhoLeavesAnswersWhatIsInHand) {
  std::promise<std::vector<std::int64_t>> answered;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1, 2, 3}));
    EXPECT_TRUE(Read(stream).has_leave());
    stream->Write(Deliveries({4}));
    std::vector<std::int64_t> ids;
    v1::ConsumeRequest message;
    while (stream->Read(&message)) {
      ids.insert(ids.end(), message.ack().delivery_ids().begin(), message.ack().delivery_ids().end());
    }
    answered.set_value(ids);
    return grpc::Status::OK;
  });
  GroupConsumer consumer(Client(), {.group = "mailer"});
  const GroupDelivery one = Take(consumer);
  const GroupDelivery two = Take(consumer);
  consumer.Leave();
  EXPECT_FALSE(consumer.Next().has_value()) << "3 goes to somebody else";
  EXPECT_TRUE(consumer.Ack(one));
  EXPECT_FALSE(consumer.IsTakenBack(two));
  EXPECT_TRUE(consumer.Ack(two));
  // Then it half-closes, without waiting for the destructor.
  EXPECT_THAT(answered.get_future().get(), ElementsAre(1, 2));
}

TEST_F(GroupConsumerTest, CancelAndLeaveWakeAWaitingReader) {
  for (const bool cancel : {true, false}) {
    std::promise<void> entered;
    Then([&](Stream* stream) {
      entered.set_value();
      EXPECT_TRUE(HasEnded(stream));
      return grpc::Status::OK;
    });
    GroupConsumer consumer(Client(), {.group = "mailer"});
    std::thread other([&] {
      entered.get_future().wait();
      cancel ? consumer.Cancel() : consumer.Leave();
    });
    EXPECT_FALSE(consumer.Next().has_value());
    other.join();
    EXPECT_FALSE(consumer.Next().has_value());
  }
}

TEST_F(GroupConsumerTest, AServerThatDoesNotEndTheCallIsNotWaitedForLong) {
  std::promise<bool> cancelled;
  fake_.consume.Then([&](grpc::ServerContext* context, const auto&, Stream* stream) {
    Read(stream);
    stream->Write(Deliveries({1}));
    EXPECT_TRUE(HasEnded(stream));
    for (int ms = 0; ms < 30'000 && !context->IsCancelled(); ++ms) std::this_thread::sleep_for(milliseconds(1));
    cancelled.set_value(context->IsCancelled());
    return grpc::Status::CANCELLED;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer", .leave_timeout = milliseconds(20)});
    Take(consumer);
  }
  EXPECT_TRUE(cancelled.get_future().get());
}

}  // namespace
}  // namespace eventstore::client
