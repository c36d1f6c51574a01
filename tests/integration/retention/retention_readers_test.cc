// Nobody who is behind goes on as if nothing had been dropped.
#include "server/domain/error.h"
#include "server/storage/group_store.h"
#include "server/storage/subscription_start.h"
#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Direction;
using domain::Reason;
using ::testing::HasSubstr;

class RetentionReadersTest : public RetentionTest {
 protected:
  RetentionReadersTest() {
    history_.Insert(database_);
    Close();
  }

  void MakeGroup(const std::string& name, const std::string& type = "") {
    domain::NewGroup group;
    group.name = name;
    group.buckets = 4;
    group.start.kind = domain::SubscriptionStart::Kind::kBeginning;
    group.settings.ack_timeout = std::chrono::seconds(30);
    group.settings.max_deliveries = 3;
    group.settings.retry_pause = std::chrono::milliseconds(100);
    if (!type.empty()) group.settings.filter.event_types = {type};
    ASSERT_THAT(storage::CreateGroup(general_, chunks_, group), IsOk());
  }

  std::int64_t Dropped() {
    auto report = Run(Options(1));
    EXPECT_THAT(report, IsOk());
    if (!report.ok()) return -1;
    summary_ = report->summary;
    return report->counts["partitions_dropped"];
  }

  const History history_ = Past(4, 30);
  storage::Session general_{database_.conninfo(), "groups"};
  std::string summary_;
};

TEST_F(RetentionReadersTest, AGroupThatIsBehindIsWaitedFor) {
  MakeGroup("mailer");
  EXPECT_EQ(Dropped(), 0);
  EXPECT_THAT(summary_, HasSubstr("mailer"));
  // It has handled the first day, and all but one bucket the second.
  database_.Execute(
      "UPDATE consumer_group_buckets SET position = 60; "
      "UPDATE consumer_group_buckets SET position = 30 WHERE bucket = (SELECT min(bucket) FROM "
      "consumer_group_buckets)");
  const std::int64_t first = Dropped();
  EXPECT_GE(first, 1);
  database_.Execute("UPDATE consumer_group_buckets SET position = 120");
  EXPECT_EQ(first + Dropped(), 3);
}

TEST_F(RetentionReadersTest, AnIdleGroupThatNeedsNothingIsNot) {
  MakeGroup("other", "no-such-type");
  EXPECT_EQ(Dropped(), 3);
}

TEST_F(RetentionReadersTest, AParkedEventIsKept) {
  MakeGroup("mailer");
  database_.Execute(
      "UPDATE consumer_group_buckets SET position = 120; "
      "INSERT INTO consumer_group_parked (group_name, event_id, global_position, event_time, aggregate_id, "
      "bucket, reason, deliveries) SELECT 'mailer', id, global_position, timestamp, aggregate_id, 0, 'no', 3 "
      "FROM events_v2 WHERE global_position = 45");
  EXPECT_EQ(Dropped(), 1);
  EXPECT_THAT(summary_, HasSubstr("parked"));
  database_.Execute("DELETE FROM consumer_group_parked");
  EXPECT_EQ(Dropped(), 2);
}

TEST_F(RetentionReadersTest, ASubscriberBehindIsTold) {
  EXPECT_EQ(Dropped(), 3);
  const auto start = [&](domain::Position position) {
    return storage::FindStart(session_, chunks_,
                              {.kind = domain::SubscriptionStart::Kind::kPosition, .position = position});
  };
  auto behind = start(50);
  EXPECT_THAT(behind, HasReason(Reason::kEventsDropped));
  EXPECT_THAT(behind.status().message(), HasSubstr("90"));
  EXPECT_THAT(start(89), HasReason(Reason::kEventsDropped));
  EXPECT_THAT(start(90), IsOk());
  EXPECT_THAT(start(0), IsOk());
  EXPECT_THAT(storage::FindStart(session_, chunks_, {.kind = domain::SubscriptionStart::Kind::kBeginning}), IsOk());
  ASSERT_THAT(Restore({}), IsOk());
  EXPECT_THAT(start(50), IsOk());
}

TEST_F(RetentionReadersTest, ReadAllFromAPlaceInWhatWasDroppedIsTold) {
  EXPECT_EQ(Dropped(), 3);
  auto cursor = All(Direction::kForward, domain::kNoLimit, 50);
  EXPECT_THAT(storage::NextPage(*cursor, session_, chunks_), HasReason(Reason::kEventsDropped));
  EXPECT_EQ(Read(*All()), Every(91, 120, 1));
  EXPECT_EQ(Read(*All(Direction::kForward, domain::kNoLimit, 90)), Every(91, 120, 1));
  EXPECT_EQ(Read(*All(Direction::kBackward)), Every(120, 91, -1));
}

TEST_F(RetentionTest, AReadThatIsOvertakenIsTold) {
  Past(4, 300).Insert(database_);
  Close();
  storage::PositionCursor subscriber(domain::EventFilter{}, 0, 2'000, chunks_);
  subscriber.NoticeDrops(0);
  storage::PositionCursor all(domain::ReadAllQuery{}, chunks_);
  storage::PositionCursor done(domain::ReadAllQuery{}, chunks_);
  for (storage::PositionCursor* cursor : {&subscriber, &all}) {
    auto page = storage::NextPage(*cursor, session_, chunks_);
    ASSERT_THAT(page, IsOk());
    ASSERT_LT(page->events.back().global_position, 300);
  }
  // One that is beyond what goes is not disturbed.
  for (domain::Position at = 0; at < 900;) {
    auto page = storage::NextPage(done, session_, chunks_);
    ASSERT_THAT(page, IsOk());
    at = page->events.back().global_position;
  }
  ASSERT_THAT(Run(Options(1)), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 300);
  EXPECT_THAT(storage::NextPage(subscriber, session_, chunks_), HasReason(Reason::kEventsDropped));
  EXPECT_THAT(storage::NextPage(all, session_, chunks_), HasReason(Reason::kEventsDropped));
  EXPECT_THAT(storage::NextPage(done, session_, chunks_), IsOk());
}

}  // namespace
}  // namespace eventstore::testing
