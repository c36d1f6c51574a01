// The checker itself: each broken promise is found, and a good reader is not blamed.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/robustness/delivery_record.h"
#include "tests/robustness/group_record.h"
#include "tests/robustness/ledger.h"
#include "tests/robustness/schedule.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {
namespace {

using ::testing::HasSubstr;

v1::RecordedEvent Event(std::int64_t position, std::int32_t version, const std::string& aggregate = "a") {
  v1::RecordedEvent event;
  event.set_id("event-" + std::to_string(position));
  event.set_aggregate_id(aggregate);
  event.set_version(version);
  event.set_global_position(position);
  return event;
}

std::vector<Stored> StoredAt(const std::vector<std::int64_t>& positions) {
  std::vector<Stored> stored;
  for (const auto position : positions) stored.push_back({"event-" + std::to_string(position), position});
  return stored;
}

auto Breaks(const std::string& text) { return HasMessage(HasSubstr(text)); }

class DeliveryRecordTest : public ::testing::Test {
 protected:
  void Take(std::int64_t position, std::int32_t version, const std::string& aggregate = "a") {
    EXPECT_THAT(record_.TakeEvent(Event(position, version, aggregate)), IsOk());
  }

  DeliveryRecord record_{Versions::kAll, 0};
};

TEST_F(DeliveryRecordTest, EverythingOnceAndInOrder) {
  Take(10, 1);
  Take(20, 1, "b");
  EXPECT_THAT(record_.TakePlace(20), IsOk());
  Take(30, 2);
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 20, 30})), IsOk());
  EXPECT_EQ(record_.position(), 30);
}

TEST_F(DeliveryRecordTest, ASkipIsFound) {
  Take(10, 1);
  Take(30, 1, "b");
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 20, 30})), Breaks("event-20 at 20 was skipped"));
}

TEST_F(DeliveryRecordTest, WhatNeverCameIsFound) {
  Take(10, 1);
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 20, 30})), Breaks("event-20 at 20 was not delivered, and 1 after it"));
}

TEST_F(DeliveryRecordTest, WhatIsNotStoredIsFound) {
  Take(10, 1);
  Take(20, 2);
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10})), Breaks("event-20 was delivered at 20 and is not stored there"));
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 30})), Breaks("event-20 was delivered at 20"));
  EXPECT_THAT(record_.CheckAgainst({{"event-10", 10}, {"other", 20}}), Breaks("where other is"));
}

TEST_F(DeliveryRecordTest, ADuplicateIsFound) {
  Take(10, 1);
  EXPECT_THAT(record_.TakeEvent(Event(10, 1)), Breaks("event-10 at 10 was delivered after 10"));
}

TEST_F(DeliveryRecordTest, ADuplicatePastACheckpointIsFound) {
  EXPECT_THAT(record_.TakePlace(40), IsOk());
  EXPECT_THAT(record_.TakeEvent(Event(40, 1)), Breaks("event-40 at 40 was delivered after 40"));
}

TEST_F(DeliveryRecordTest, AReversedOrderIsFound) {
  Take(20, 1);
  EXPECT_THAT(record_.TakeEvent(Event(10, 1, "b")), Breaks("event-10 at 10 was delivered after 20"));
}

TEST_F(DeliveryRecordTest, APlaceThatGoesBackIsFound) {
  Take(20, 1);
  EXPECT_THAT(record_.TakePlace(10), Breaks("a place at 10 after 20"));
}

TEST_F(DeliveryRecordTest, AGapOfVersionsIsFound) {
  EXPECT_THAT(record_.TakeEvent(Event(10, 2)), Breaks("version 2 of a was delivered after 0"));
  DeliveryRecord other(Versions::kAll, 0);
  EXPECT_THAT(other.TakeEvent(Event(10, 1)), IsOk());
  EXPECT_THAT(other.TakeEvent(Event(20, 3)), Breaks("version 3 of a was delivered after 1"));
}

TEST_F(DeliveryRecordTest, OneThatBeginsLaterMayBeginWithAnyVersion) {
  DeliveryRecord later(Versions::kAll, 15);
  EXPECT_THAT(later.TakeEvent(Event(10, 1)), Breaks("delivered after 15"));
  EXPECT_THAT(later.TakeEvent(Event(20, 5)), IsOk());
  EXPECT_THAT(later.CheckAgainst(StoredAt({10, 20})), IsOk());
  EXPECT_THAT(later.TakeEvent(Event(30, 7)), Breaks("version 7 of a was delivered after 5"));
}

TEST_F(DeliveryRecordTest, OneThatBeginsNowLearnsWhereThatIs) {
  DeliveryRecord now(Versions::kAll, std::nullopt);
  EXPECT_THAT(now.CheckAgainst({}), Breaks("nothing came"));
  EXPECT_THAT(now.TakePlace(15), IsOk());
  EXPECT_THAT(now.CheckAgainst(StoredAt({10, 20})), Breaks("event-20 at 20 was not delivered"));
  EXPECT_THAT(now.TakeEvent(Event(20, 2)), IsOk());
  EXPECT_THAT(now.CheckAgainst(StoredAt({10, 20})), IsOk());
}

TEST_F(DeliveryRecordTest, SomeEventsOfAnAggregateStillComeInOrder) {
  DeliveryRecord some(Versions::kGrowing, 0);
  EXPECT_THAT(some.TakeEvent(Event(10, 3)), IsOk());
  EXPECT_THAT(some.TakeEvent(Event(20, 7)), IsOk());
  EXPECT_THAT(some.TakeEvent(Event(30, 7)), Breaks("version 7 of a was delivered after 7"));
}

class GroupRecordTest : public ::testing::Test {
 protected:
  static client::GroupDelivery Delivery(const v1::RecordedEvent& event, std::int64_t settled = 0) {
    client::GroupDelivery delivery;
    delivery.event = event;
    delivery.settled_position = settled;
    return delivery;
  }

  GroupRecord record_{Versions::kAll};
  GroupRecord::Places consumer_;
};

TEST_F(GroupRecordTest, ARepeatIsNoFault) {
  for (int times = 0; times < 2; ++times) {
    EXPECT_THAT(record_.Take(Delivery(Event(10, 1)), consumer_), IsOk());
    EXPECT_THAT(record_.Take(Delivery(Event(20, 2)), consumer_), IsOk());
  }
  EXPECT_EQ(record_.repeats(), 2);
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 20})), IsOk());
}

TEST_F(GroupRecordTest, ASkipIsFound) {
  EXPECT_THAT(record_.Take(Delivery(Event(10, 1)), consumer_), IsOk());
  EXPECT_THAT(record_.CheckAgainst(StoredAt({10, 20})), Breaks("event-20 at 20 was not delivered"));
  EXPECT_THAT(record_.CheckAgainst({}), Breaks("1 events were delivered, 0 are stored"));
}

TEST_F(GroupRecordTest, AGapAndAReversedOrderAreFound) {
  EXPECT_THAT(record_.Take(Delivery(Event(10, 1)), consumer_), IsOk());
  EXPECT_THAT(record_.Take(Delivery(Event(30, 3)), consumer_), Breaks("version 3 of a was delivered after 1"));
  GroupRecord some(Versions::kGrowing);
  EXPECT_THAT(some.Take(Delivery(Event(30, 3)), consumer_), IsOk());
  EXPECT_THAT(some.Take(Delivery(Event(20, 2)), consumer_), Breaks("version 2 of a was delivered after 3"));
  EXPECT_THAT(some.CheckAgainst(StoredAt({30})), Breaks("version 2 of a"));
}

TEST_F(GroupRecordTest, WhatWasSettledDoesNotComeAgain) {
  EXPECT_THAT(record_.Take(Delivery(Event(10, 1), 10), consumer_), Breaks("although 10 was settled"));
  EXPECT_THAT(record_.Take(Delivery(Event(20, 1), 10), consumer_), IsOk());
  // Neither to the consumer that was told so ...
  EXPECT_THAT(record_.Take(Delivery(Event(10, 1)), consumer_), Breaks("although 10 was settled"));
  // ... nor to one that joins later. One that had it in hand before may still show it.
  GroupRecord::Places later = record_.settled();
  EXPECT_THAT(record_.Take(Delivery(Event(10, 1)), later), Breaks("although 10 was settled"));
}

class LedgerTest : public ::testing::Test {
 protected:
  static v1::AppendResponse Answer(std::int64_t position, std::int32_t version) {
    v1::AppendResponse response;
    response.set_aggregate_id("a");
    auto* event = response.add_events();
    event->set_id("event-10");
    event->set_version(version);
    event->set_global_position(position);
    return response;
  }

  Ledger ledger_;
};

TEST_F(LedgerTest, WhatWasAcknowledgedHasToBeThereAtItsPlace) {
  ledger_.Acknowledged(Answer(10, 1));
  EXPECT_THAT(ledger_.CheckAmong(StoredAt({5, 10})), IsOk());
  EXPECT_THAT(ledger_.CheckAmong(StoredAt({5})), Breaks("event-10 (version 1) is not there"));
  EXPECT_THAT(ledger_.CheckAmong({{"event-10", 11}}), Breaks("event-10 is at 11, promised was 10"));
}

TEST_F(LedgerTest, TwoAnswersToOneAppendHaveToAgree) {
  ledger_.Acknowledged(Answer(10, 1));
  ledger_.Acknowledged(Answer(10, 1));
  EXPECT_THAT(ledger_.CheckPromises(), IsOk());
  ledger_.Acknowledged(Answer(20, 2));
  EXPECT_THAT(ledger_.CheckPromises(), Breaks("event event-10 was acknowledged at version 1 and at 2"));
  EXPECT_EQ(ledger_.acknowledged(), 1);
}

TEST(ScheduleTest, ComesFromTheSeedAlone) {
  EXPECT_EQ(Describe(MakeSchedule(7, 2)), Describe(MakeSchedule(7, 2)));
  EXPECT_NE(Describe(MakeSchedule(7, 2)), Describe(MakeSchedule(8, 2)));
}

TEST(ScheduleTest, EveryRoundHasEveryBreakAndTheFirstHasAllJoins) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const Schedule schedule = MakeSchedule(seed, 3);
    std::map<Break, int> times;
    std::size_t joins = schedule.at_start.size();
    for (const Step& step : schedule.steps) {
      ++times[step.what];
      joins += step.joins.size();
    }
    EXPECT_EQ(times.size(), 6U);
    for (const auto& [what, count] : times) EXPECT_GE(count, 3) << Name(what);
    EXPECT_EQ(joins, 20U);
    EXPECT_LT(schedule.at_start.size(), 20U);
  }
}

}  // namespace
}  // namespace eventstore::testing
