// A consumer of a group: what it hands out and what it answers.
#include <future>

#include "tests/unit/client/group_consumer_fixture.h"

namespace eventstore::client {
namespace {

using testing::ElementsAre;
using testing::Lt;
using Nack = v1::ConsumeRequest::Nack;

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
