// A consumer of a group: what it hands out, what it answers, and what it does when the call breaks.
#include "eventstore/group_consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/unit/client/fake_subscriptions.h"

namespace eventstore::client {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::Lt;
using testing::SizeIs;
using Nack = v1::ConsumeRequest::Nack;
using Stream = FakeSubscriptions::ConsumeStream;

const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

v1::ConsumeResponse Deliveries(const std::vector<std::int64_t>& ids) {
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

v1::ConsumeResponse TakenBack(const std::vector<std::int64_t>& ids) {
  v1::ConsumeResponse message;
  message.mutable_taken_back()->mutable_delivery_ids()->Assign(ids.begin(), ids.end());
  return message;
}

v1::ConsumeRequest Read(Stream* stream) {
  v1::ConsumeRequest message;
  EXPECT_TRUE(stream->Read(&message));
  return message;
}

bool HasEnded(Stream* stream) {
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
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  EventStoreClient Client() { return server_.MakeClient(); }

  FakeSubscriptions fake_;
  FakeServer server_{&fake_};
};

TEST_F(GroupConsumerTest, JoinsAndHandsOutOneAfterAnother) {
  std::promise<v1::ConsumeRequest> first;
  fake_.consume.Then([&](grpc::ServerContext*, const auto&, Stream* stream) {
    first.set_value(Read(stream));
    stream->Write(Deliveries({1, 2}));
    EXPECT_THAT(Read(stream).ack().delivery_ids(), ElementsAre(1));
    stream->Write(Deliveries({3}));
    EXPECT_TRUE(HasEnded(stream));
    return grpc::Status::OK;
  });
  GroupConsumer consumer(Client(),
                         {.group = "mailer", .consumer_name = "me", .max_in_flight = 7, .heartbeat_seconds = 20});
  const GroupDelivery one = Take(consumer);
  EXPECT_EQ(one.event.global_position(), 10);
  EXPECT_EQ(one.attempt, 2);
  EXPECT_EQ(one.bucket, 3);
  EXPECT_EQ(one.settled_position, 0);
  EXPECT_TRUE(one.replayed);
  EXPECT_EQ(Take(consumer).id, 2);
  // Goes out by itself, while this thread waits for the next one.
  EXPECT_TRUE(consumer.Ack(one));
  EXPECT_EQ(Take(consumer).id, 3);
  const auto join = first.get_future().get().join();
  EXPECT_EQ(join.group(), "mailer");
  EXPECT_EQ(join.consumer_name(), "me");
  EXPECT_EQ(join.max_in_flight(), 7);
  EXPECT_EQ(join.heartbeat_seconds(), 20);
}

TEST_F(GroupConsumerTest, AnswersThatComeTogetherGoTogether) {
  constexpr int kMany = 100;
  std::vector<std::int64_t> ids(kMany);
  for (int i = 0; i < kMany; ++i) ids[static_cast<std::size_t>(i)] = i + 1;
  std::promise<void> answered;
  std::vector<std::int64_t> acked;
  int messages = 0;
  Then([&](Stream* stream) {
    stream->Write(Deliveries(ids));
    // Nothing is taken off the wire until all of them were answered.
    answered.get_future().wait();
    v1::ConsumeRequest message;
    while (stream->Read(&message)) {
      ++messages;
      acked.insert(acked.end(), message.ack().delivery_ids().begin(), message.ack().delivery_ids().end());
    }
    return grpc::Status::OK;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer"});
    for (int i = 0; i < kMany; ++i) EXPECT_TRUE(consumer.Ack(Take(consumer)));
    answered.set_value();
  }
  EXPECT_EQ(acked, ids);
  EXPECT_THAT(messages, Lt(10));
}

TEST_F(GroupConsumerTest, EveryAnswerSaysWhatItIs) {
  std::vector<v1::ConsumeRequest> messages;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1, 2, 3, 4, 5}));
    v1::ConsumeRequest message;
    while (stream->Read(&message)) messages.push_back(message);
    return grpc::Status::OK;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer"});
    EXPECT_TRUE(consumer.Retry(Take(consumer), "later"));
    EXPECT_TRUE(consumer.Park(Take(consumer), "broken"));
    EXPECT_TRUE(consumer.Skip(Take(consumer), "old"));
    EXPECT_TRUE(consumer.Skip(Take(consumer), "old"));
    const GroupDelivery last = Take(consumer);
    EXPECT_TRUE(consumer.Ack(last));
    EXPECT_FALSE(consumer.Ack(last)) << "it was answered already";
  }
  std::map<std::int64_t, std::string> answers;
  for (const auto& message : messages) {
    for (const auto id : message.ack().delivery_ids()) answers[id] += "ack";
    for (const auto id : message.nack().delivery_ids()) {
      answers[id] += Nack::Action_Name(message.nack().action()) + " " + message.nack().reason();
    }
  }
  EXPECT_THAT(answers,
              ElementsAre(std::pair(1, "ACTION_RETRY later"), std::pair(2, "ACTION_PARK broken"),
                          std::pair(3, "ACTION_SKIP old"), std::pair(4, "ACTION_SKIP old"), std::pair(5, "ack")));
}

TEST_F(GroupConsumerTest, ALongReasonIsCutBetweenCharacters) {
  std::string reason;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1}));
    reason = Read(stream).nack().reason();
    EXPECT_TRUE(HasEnded(stream));
    return grpc::Status::OK;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer"});
    std::string text = "x";
    for (int i = 0; i < 1'000; ++i) text += "ä";
    EXPECT_TRUE(consumer.Park(Take(consumer), text));
  }
  EXPECT_EQ(reason.size(), 999);
  EXPECT_EQ(reason.substr(997), "ä");
}

TEST_F(GroupConsumerTest, WhatWasTakenBackIsNeitherHandedOutNorAnswered) {
  std::promise<void> in_hand;
  std::vector<std::int64_t> answered;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1, 2, 3}));
    in_hand.get_future().wait();
    stream->Write(TakenBack({1, 2}));
    stream->Write(Deliveries({4}));
    v1::ConsumeRequest message;
    while (stream->Read(&message)) {
      answered.insert(answered.end(), message.ack().delivery_ids().begin(), message.ack().delivery_ids().end());
    }
    return grpc::Status::OK;
  });
  {
    GroupConsumer consumer(Client(), {.group = "mailer"});
    const GroupDelivery one = Take(consumer);
    EXPECT_FALSE(consumer.IsTakenBack(one));
    in_hand.set_value();
    EXPECT_TRUE(AwaitTakenBack(consumer, one));
    EXPECT_FALSE(consumer.Ack(one));
    const GroupDelivery three = Take(consumer);
    EXPECT_EQ(three.id, 3);
    EXPECT_TRUE(consumer.Ack(three));
    EXPECT_TRUE(consumer.Ack(Take(consumer)));
  }
  EXPECT_THAT(answered, ElementsAre(3, 4));
}

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

TEST_F(GroupConsumerTest, RunAnswersAsTheHandlerSays) {
  std::vector<std::string> answers;
  Then([&](Stream* stream) {
    stream->Write(Deliveries({1, 2}));
    v1::ConsumeRequest message;
    for (int i = 0; i < 2 && stream->Read(&message); ++i) {
      answers.push_back(message.has_ack() ? "ack" : message.nack().reason());
    }
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "deleted");
  });
  GroupConsumer consumer(Client(), {.group = "mailer"});
  const absl::Status ended = consumer.Run(
      [](const GroupDelivery& delivery) { return delivery.id == 1 ? GroupAnswer::Retry("no") : GroupAnswer::Ack(); });
  EXPECT_EQ(ended.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(answers, ElementsAre("no", "ack"));
}

}  // namespace
}  // namespace eventstore::client
