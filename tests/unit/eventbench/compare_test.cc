#include "tools/eventbench/verify/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace eventstore::eventbench {
namespace {

const Id kAggregate = DerivedId(1, 1);

Id Event(std::uint64_t number) { return DerivedId(2, number); }

// Events 1..count as acknowledged and as stored, in agreement.
std::vector<Acknowledged> AcknowledgedUpTo(std::int32_t count) {
  std::vector<Acknowledged> events;
  for (std::int32_t i = 1; i <= count; ++i) {
    events.push_back(
        {.aggregate = kAggregate, .event = Event(static_cast<std::uint64_t>(i)), .version = i, .position = 100 + i});
  }
  return events;
}

std::vector<Stored> StoredUpTo(std::int32_t count) {
  std::vector<Stored> events;
  for (std::int32_t i = 1; i <= count; ++i) {
    events.push_back({.event = Event(static_cast<std::uint64_t>(i)), .version = i, .position = 100 + i});
  }
  return events;
}

TEST(CompareTest, Agreement) {
  const auto result = Compare(AcknowledgedUpTo(3), StoredUpTo(3), {});
  EXPECT_EQ(result.confirmed, 3);
  EXPECT_EQ(result.Violations(), 0);
  EXPECT_TRUE(result.examples.empty());
}

TEST(CompareTest, LostAtTheEnd) {
  const auto result = Compare(AcknowledgedUpTo(3), StoredUpTo(2), {});
  EXPECT_EQ(result.lost, 1);
  EXPECT_EQ(result.Violations(), 1);
  EXPECT_THAT(result.examples.front(), testing::HasSubstr(TextOf(Event(3))));
}

TEST(CompareTest, LostInTheMiddleIsAGapToo) {
  auto stored = StoredUpTo(3);
  stored.erase(stored.begin() + 1);
  const auto result = Compare(AcknowledgedUpTo(3), stored, {});
  EXPECT_EQ(result.lost, 1);
  EXPECT_EQ(result.disordered, 1);
}

TEST(CompareTest, AnIdThatIsStoredTwice) {
  auto stored = StoredUpTo(3);
  stored.push_back({.event = Event(3), .version = 4, .position = 200});
  const auto result = Compare(AcknowledgedUpTo(3), stored, {});
  EXPECT_EQ(result.doubled, 1);
  EXPECT_EQ(result.confirmed, 3);
}

TEST(CompareTest, AVersionThatIsStoredTwice) {
  auto stored = StoredUpTo(3);
  stored.push_back({.event = Event(9), .version = 3, .position = 200});
  EXPECT_EQ(Compare(AcknowledgedUpTo(3), stored, {}).doubled, 1);
}

TEST(CompareTest, AnotherVersionThanAcknowledged) {
  auto stored = StoredUpTo(2);
  std::swap(stored[0].event, stored[1].event);
  EXPECT_EQ(Compare(AcknowledgedUpTo(2), stored, {}).moved, 2);
}

TEST(CompareTest, PositionsThatRunBack) {
  auto acknowledged = AcknowledgedUpTo(2);
  auto stored = StoredUpTo(2);
  acknowledged[1].position = stored[1].position = 50;
  EXPECT_EQ(Compare(acknowledged, stored, {}).disordered, 1);
}

TEST(CompareTest, RefusedAndYetStored) {
  Ledger ledger;
  ledger.refused.insert(Event(2));
  EXPECT_EQ(Compare(AcknowledgedUpTo(1), StoredUpTo(2), ledger).refused_stored, 1);
}

TEST(CompareTest, WhoseAnswerWasLostMayBeThereOrNot) {
  Ledger ledger;
  ledger.unknown.emplace(Event(2), kAggregate);
  ledger.unknown.emplace(Event(3), kAggregate);
  const auto result = Compare(AcknowledgedUpTo(1), StoredUpTo(2), ledger);
  EXPECT_EQ(result.unknown_stored, 1);
  EXPECT_EQ(result.Violations(), 0);
}

TEST(CompareTest, EventsOfOthersAreNotOurs) {
  const auto acknowledged = AcknowledgedUpTo(3);
  const auto result = Compare(std::span(acknowledged).last(1), StoredUpTo(3), {});
  EXPECT_EQ(result.foreign, 2);
  EXPECT_EQ(result.Violations(), 0);
}

TEST(CompareTest, AcknowledgedTwice) {
  auto acknowledged = AcknowledgedUpTo(2);
  acknowledged.push_back(acknowledged.back());
  EXPECT_EQ(Compare(acknowledged, StoredUpTo(2), {}).doubled, 1);
}

}  // namespace
}  // namespace eventstore::eventbench
