// What a turn writes and what it does not, on the real tables.
#include "server/storage/group_turns.h"

#include "gmock/gmock.h"
#include "server/domain/position.h"
#include "server/storage/group_store.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::Position;
using domain::VersionCheck;

class GroupTurnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    domain::NewGroup group;
    group.name = "group";
    group.buckets = 1;
    group.settings.max_deliveries = 5;
    group.settings.ack_timeout = group.settings.retry_pause = std::chrono::seconds(1);
    group.start.kind = domain::SubscriptionStart::Kind::kBeginning;
    ASSERT_THAT(storage::CreateGroup(session_, chunks_, group), IsOk());
    turn_.group = "group";
    turn_.instance = "here";
    turn_.own.push_back({Id(1), "consumer", false});
    const auto joined = storage::RunGroupTurn(session_, turn_);
    ASSERT_THAT(joined, IsOk());
    ASSERT_EQ(joined->buckets.front().owner, Id(1));
    turn_.generation = joined->generation;
    turn_.known = {0};
  }

  Position Append(std::uint64_t id) {
    const auto answer = instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(id)}));
    EXPECT_THAT(answer, IsOk());
    return answer.ok() ? answer->front().events[0].global_position : 0;
  }

  Position StoredPlace() {
    return database_.Execute("SELECT position FROM consumer_group_buckets")[0][0].as<Position>();
  }

  TestDatabase database_;
  Instance instance_{database_.conninfo()};
  storage::Session session_{database_.conninfo(), "groups"};
  storage::ChunkCatalog chunks_;
  storage::GroupTurn turn_;
};

TEST_F(GroupTurnTest, APlaceMayBeThatOfTheNewestEvent) {
  const Position newest = Append(10);
  turn_.writes.places = {{0, Id(1), newest, false}};
  EXPECT_THAT(storage::RunGroupTurn(session_, turn_), IsOk());
  EXPECT_EQ(StoredPlace(), newest);
}

TEST_F(GroupTurnTest, NothingIsWrittenAboutEventsThatTheStoreDoesNotHaveAnyMore) {
  const Position newest = Append(10);
  turn_.writes.places = {{0, Id(1), newest, false}};
  ASSERT_THAT(storage::RunGroupTurn(session_, turn_), IsOk());
  // Answered in a later state of the store, before this one was restored: of an event that was some transactions further.
  const Position ahead = newest + (Position{1000} << domain::kOrdinalBits);
  turn_.writes.places = {{0, Id(1), ahead, false}};
  EXPECT_THAT(storage::RunGroupTurn(session_, turn_), HasReason(domain::Reason::kPositionAhead));
  EXPECT_EQ(StoredPlace(), newest);
  // Nor of what was to be set aside.
  turn_.writes.places = {{0, Id(1), newest, false}};
  turn_.writes.parks = {{{Id(99), ahead, 0, AggregateIn(0), 0}, "it failed", 5}};
  EXPECT_THAT(storage::RunGroupTurn(session_, turn_), HasReason(domain::Reason::kPositionAhead));
  EXPECT_TRUE(database_.Execute("SELECT FROM consumer_group_parked").empty());
  // By another generation it is left out anyway.
  ++turn_.generation;
  EXPECT_THAT(storage::RunGroupTurn(session_, turn_), IsOk());
  EXPECT_EQ(StoredPlace(), newest);
}

TEST_F(GroupTurnTest, WhoIsGoneLosesItsBucketsAlsoWhenTheClockHasJumpedBack) {
  // Its server died, and then the clock jumped back by ten hours.
  database_.Execute("UPDATE consumer_group_members SET seen_at = clock_timestamp() + interval '10 hours'");
  storage::GroupTurn other;
  other.group = "group";
  other.instance = "there";
  other.own.push_back({Id(2), "another consumer", false});
  const auto joined = storage::RunGroupTurn(session_, other);
  ASSERT_THAT(joined, IsOk());
  EXPECT_EQ(joined->buckets.front().owner, Id(1));
  // From then on it has the ten seconds that everybody has.
  EXPECT_EQ(database_.Execute("SELECT count(*) FROM consumer_group_members WHERE seen_at > clock_timestamp()")[0][0]
                .as<int>(),
            0);
  database_.Execute(
      "UPDATE consumer_group_members SET seen_at = seen_at - interval '11 seconds' WHERE consumer_name = 'consumer'");
  const auto alone = storage::RunGroupTurn(session_, other);
  ASSERT_THAT(alone, IsOk());
  EXPECT_EQ(alone->buckets.front().owner, Id(2));
}

}  // namespace
}  // namespace eventstore::testing
