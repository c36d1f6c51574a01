#include "server/subscriptions/group_dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/subscriptions/group_fixture.h"

namespace eventstore::subscriptions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using Positions = std::vector<domain::Position>;

// One bucket and one consumer unless said otherwise.
class GroupDispatcherTest : public ::testing::Test {
 protected:
  GroupDispatcherTest() { Begin(Settings(), 100); }

  void Begin(const domain::GroupSettings& settings, int in_flight) {
    group_ = std::make_unique<GroupDispatcher>(settings, 1);
    group_->Join(Member(1), in_flight);
    group_->Assign(0, Member(1), 0, {});
  }

  // Events one after the other from position `first` on, of these aggregates.
  void Offer(domain::Position first, const std::vector<int>& aggregates, std::size_t bytes = 2) {
    std::vector<domain::RecordedEvent> events;
    for (const int aggregate : aggregates) {
      events.push_back(EventAt(first + static_cast<domain::Position>(events.size()), aggregate, bytes));
    }
    group_->Offer(first - 1, first + static_cast<domain::Position>(events.size()) - 1, events);
  }

  Positions Take(int ms = 0, int member = 1) {
    batch_ = group_->Take(Member(member), At(ms));
    Positions positions;
    for (const auto& delivery : batch_.deliveries) positions.push_back(delivery.event->global_position);
    return positions;
  }

  void Ack(const std::vector<std::int64_t>& ids, int ms = 0) { group_->Ack(Member(1), ids, At(ms)); }
  void Nack(const std::vector<std::int64_t>& ids, domain::NackAction action = domain::NackAction::kRetry, int ms = 0) {
    group_->Nack(Member(1), ids, action, "because", At(ms));
  }
  // What is written, successfully.
  domain::GroupWrites Write() {
    auto writes = group_->Collect();
    group_->Written({true});
    return writes;
  }
  domain::Position Place() {
    const auto writes = Write();
    return writes.places.empty() ? -1 : writes.places.front().place;
  }

  std::unique_ptr<GroupDispatcher> group_;
  DeliveryBatch batch_;
};

TEST_F(GroupDispatcherTest, DeliversInOrderAndKeepsThePlace) {
  Offer(1, {1, 2, 1, 2});
  EXPECT_THAT(Take(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Take(), IsEmpty());
  Ack({2, 3});
  EXPECT_TRUE(Write().empty());
  Ack({1});
  EXPECT_EQ(Place(), 3);
  Ack({4, 4, 99});
  EXPECT_EQ(Place(), 4);
  EXPECT_TRUE(Write().empty());
}

TEST_F(GroupDispatcherTest, ThePlaceGoesOnWhereNothingMatches) {
  std::vector<domain::RecordedEvent> none;
  group_->Offer(0, 500, none);
  EXPECT_EQ(Place(), 500);
  Offer(501, {1});
  group_->Offer(501, 900, none);
  EXPECT_THAT(Take(), ElementsAre(501));
  EXPECT_TRUE(Write().empty());
  Ack({1});
  EXPECT_EQ(Place(), 900);
}

TEST_F(GroupDispatcherTest, EventsThatWereHadAreLeftOut) {
  Offer(1, {1, 2});
  Offer(1, {1, 2, 3});
  EXPECT_THAT(Take(), ElementsAre(1, 2, 3));
  // What begins beyond what it has had would leave a gap.
  std::vector<domain::RecordedEvent> later = {EventAt(9, 1)};
  group_->Offer(8, 9, later);
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_EQ(group_->LeastWanted(0, 100), 3);
}

TEST_F(GroupDispatcherTest, TheLimitInFlight) {
  Begin(Settings(), 2);
  Offer(1, {1, 2, 3, 4});
  EXPECT_THAT(Take(), ElementsAre(1, 2));
  EXPECT_THAT(Take(), IsEmpty());
  Ack({2});
  EXPECT_THAT(Take(), ElementsAre(3));
  Ack({1, 3});
  EXPECT_THAT(Take(), ElementsAre(4));
}

TEST_F(GroupDispatcherTest, AFailureTakesBackWhatIsBehindIt) {
  Offer(1, {1, 2, 1, 1});
  Take();
  Nack({1});
  EXPECT_THAT(Take(50), IsEmpty());
  EXPECT_THAT(batch_.taken_back, UnorderedElementsAre(3, 4));
  Offer(5, {1, 2});
  EXPECT_THAT(Take(50), ElementsAre(6));
  group_->Tick(At(100));
  EXPECT_THAT(Take(100), ElementsAre(1));
  EXPECT_EQ(batch_.deliveries[0].attempt, 2);
  EXPECT_THAT(Take(100), IsEmpty());
  Ack({6}, 100);  // the second delivery of the first event
  EXPECT_THAT(Take(100), ElementsAre(3, 4, 5));
}

TEST_F(GroupDispatcherTest, AnswersToWhatWasTakenBackAreIgnored) {
  Offer(1, {1, 1});
  Take();
  Nack({1});
  Ack({2});
  Nack({2, 1});
  group_->Tick(At(100));
  ASSERT_THAT(Take(100), SizeIs(1));
  EXPECT_EQ(batch_.deliveries[0].attempt, 2);
  EXPECT_TRUE(Write().parks.empty());
}

TEST_F(GroupDispatcherTest, PausesDouble) {
  Offer(1, {1});
  EXPECT_THAT(Take(), SizeIs(1));
  Nack({1});
  EXPECT_THAT(Take(99), IsEmpty());
  group_->Tick(At(100));
  EXPECT_THAT(Take(100), SizeIs(1));
  Nack({2}, domain::NackAction::kRetry, 100);
  group_->Tick(At(299));
  EXPECT_THAT(Take(299), IsEmpty());
  group_->Tick(At(300));
  EXPECT_THAT(Take(300), SizeIs(1));
}

TEST_F(GroupDispatcherTest, ParksAfterTheLastDelivery) {
  Begin(Settings(2), 100);
  Offer(1, {1, 1});
  Take();
  Nack({1});
  auto writes = Write();
  EXPECT_THAT(writes.attempts, SizeIs(1));
  group_->Tick(At(100));
  Take(100);
  Nack({3}, domain::NackAction::kRetry, 100);
  writes = Write();
  ASSERT_THAT(writes.parks, SizeIs(1));
  EXPECT_EQ(writes.parks[0].reason, "because");
  EXPECT_EQ(writes.parks[0].deliveries, 2);
  EXPECT_EQ(writes.parks[0].event.position, 1);
  EXPECT_EQ(writes.places[0].place, 1);
  EXPECT_THAT(Take(100), ElementsAre(2));
}

TEST_F(GroupDispatcherTest, TheTimeToAnswerBeginsAsTheOldest) {
  Offer(1, {1, 2, 3});
  Take(0);
  Ack({1}, 900);
  group_->Tick(At(1'500));
  EXPECT_THAT(Take(1'500), IsEmpty());
  EXPECT_THAT(batch_.taken_back, IsEmpty());
  group_->Tick(At(1'900));
  Take(1'900);
  EXPECT_THAT(batch_.taken_back, ElementsAre(2));
  // The third is the oldest since then.
  group_->Tick(At(2'800));
  Take(2'800);
  EXPECT_THAT(batch_.taken_back, ::testing::Not(::testing::Contains(3)));
}

TEST_F(GroupDispatcherTest, WhoGoesAwayFailsAtTheOldestAlone) {
  Offer(1, {1, 2});
  Take();
  group_->Drop(Member(1), true, At(0));
  const auto writes = Write();
  ASSERT_THAT(writes.attempts, SizeIs(1));
  EXPECT_EQ(writes.attempts[0].position, 1);
  ASSERT_THAT(writes.places, SizeIs(1));
  EXPECT_TRUE(writes.places[0].release);
  EXPECT_EQ(writes.places[0].place, 0);
  EXPECT_FALSE(group_->OwnerOf(0));
}

TEST_F(GroupDispatcherTest, ABucketIsLetGoWhenItsDeliveriesAreAnswered) {
  Offer(1, {1, 2, 3});
  Take();
  Offer(4, {4});
  group_->Release(0, At(500));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_FALSE(group_->IsUrgent());
  Ack({1, 2, 3});
  EXPECT_TRUE(group_->IsUrgent());
  const auto writes = Write();
  EXPECT_EQ(writes.places[0].place, 3);
  EXPECT_TRUE(writes.places[0].release);
}

TEST_F(GroupDispatcherTest, OrTheyAreTakenBack) {
  Offer(1, {1, 2, 3});
  Take();
  group_->Release(0, At(500));
  Ack({1});
  group_->Tick(At(500));
  Take(500);
  EXPECT_THAT(batch_.taken_back, UnorderedElementsAre(2, 3));
  EXPECT_EQ(Place(), 1);
  EXPECT_FALSE(group_->OwnerOf(0));
}

TEST_F(GroupDispatcherTest, ALostBucketWritesNothing) {
  Offer(1, {1, 2});
  Take();
  Ack({1});
  Nack({2}, domain::NackAction::kPark);
  group_->Collect();
  group_->Written({false});
  EXPECT_FALSE(group_->OwnerOf(0));
  EXPECT_FALSE(group_->HasWrites());
}

TEST_F(GroupDispatcherTest, WhatCouldNotBeWrittenIsWrittenLater) {
  Offer(1, {1, 2});
  Take();
  Nack({1}, domain::NackAction::kPark);
  EXPECT_THAT(group_->Collect().parks, SizeIs(1));
  Ack({2});
  group_->Written({});
  const auto writes = Write();
  EXPECT_THAT(writes.parks, SizeIs(1));
  EXPECT_EQ(writes.places[0].place, 2);
}

TEST_F(GroupDispatcherTest, ABucketTakesSoManyBeyondItsPlace) {
  Begin(Settings(), 10'000);
  Offer(1, std::vector<int>(1, 7));
  Take();
  Offer(2, std::vector<int>(1'200, 8));
  EXPECT_THAT(Take(), SizeIs(999));
  Positions rest;
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 2; id <= 1'000; ++id) ids.push_back(id);
  Ack(ids);
  EXPECT_THAT(group_->LeastWanted(0, 5'000), ::testing::Eq(std::nullopt));
  Ack({1});
  EXPECT_TRUE(group_->BeganToWant());
  EXPECT_EQ(group_->LeastWanted(0, 5'000), 1'000);
  Offer(1'001, std::vector<int>(201, 8));
  EXPECT_THAT(Take(), SizeIs(201));
}

TEST_F(GroupDispatcherTest, AConsumerHoldsSoManyBytes) {
  Begin(Settings(), 10'000);
  for (int i = 0; i < 40; ++i) Offer(i + 1, {i}, 1 << 20);
  std::size_t taken = 0;
  for (;;) {
    const auto positions = Take();
    if (positions.empty()) break;
    taken += positions.size();
  }
  EXPECT_EQ(taken, 16U);
}

TEST_F(GroupDispatcherTest, OtherSettingsBringBackWhatIsNotAnswered) {
  Offer(1, {1, 2, 3});
  Take();
  Ack({1, 3});
  auto settings = Settings(5);
  group_->Reconfigure(settings);
  Take();
  EXPECT_THAT(batch_.taken_back, ElementsAre(2));
  EXPECT_EQ(group_->LeastWanted(0, 100), 1);
  Offer(2, {2, 3});
  EXPECT_THAT(Take(), ElementsAre(2, 3));
}

TEST_F(GroupDispatcherTest, FailuresOfBeforeCount) {
  group_ = std::make_unique<GroupDispatcher>(Settings(3), 1);
  group_->Join(Member(1), 10);
  group_->Assign(0, Member(1), 4, {{{6, 2}}});
  Offer(5, {1, 2});
  EXPECT_THAT(Take(), ElementsAre(5, 6));
  EXPECT_EQ(batch_.deliveries[1].attempt, 3);
  Nack({2});
  EXPECT_THAT(Write().parks, SizeIs(1));
}

TEST_F(GroupDispatcherTest, ReplaysAreBesideTheRest) {
  std::vector<domain::RecordedEvent> none;
  group_->Offer(0, 9, none);
  Offer(10, {1});
  group_->Replay(0, std::make_shared<const domain::RecordedEvent>(EventAt(3, 1)), 0);
  group_->Replay(0, std::make_shared<const domain::RecordedEvent>(EventAt(3, 1)), 0);
  EXPECT_THAT(group_->replays(), SizeIs(1));
  EXPECT_THAT(Take(), UnorderedElementsAre(3, 10));
  EXPECT_TRUE(batch_.deliveries[0].replayed);
  Ack({1, 2});
  const auto writes = Write();
  ASSERT_THAT(writes.replays, SizeIs(1));
  EXPECT_EQ(writes.replays[0].outcome, domain::ReplayWrite::Outcome::kSettled);
  EXPECT_EQ(writes.places[0].place, 10);
  EXPECT_THAT(group_->replays(), IsEmpty());
}

TEST_F(GroupDispatcherTest, ALeavingConsumerGetsNothingAndOwesItsAnswers) {
  Offer(1, {1, 2});
  Take();
  Offer(3, {3});
  group_->Leave(Member(1));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_FALSE(group_->HasLeft(Member(1)));
  Ack({1});
  // Its time to answer passes.
  group_->Tick(At(1'000));
  Take(1'000);
  EXPECT_THAT(batch_.taken_back, ElementsAre(2));
  EXPECT_TRUE(group_->HasLeft(Member(1)));
  EXPECT_TRUE(group_->IsUrgent());
}

}  // namespace
}  // namespace eventstore::subscriptions
