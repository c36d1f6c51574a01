// Transactions over several lanes beside each other (server/storage/lane_mode.h).
#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/lane_writer/appender_fixture.h"
#include "tests/integration/store/open_append.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;

class SharedLanesTest : public AppenderTest {
 protected:
  // The first event makes the chunk, for which all others would wait.
  void SetUp() override { ASSERT_THAT(instance_.Append(Wide(9, 0xFE'0000)), IsOk()); }

  // Besides that.
  void ExpectEvents(std::int64_t count) const { EXPECT_EQ(ExpectVerified(database_.conninfo()), count + 2); }

  // One event for an aggregate of each lane.
  static domain::AppendBatch Wide(int nth, std::uint64_t event, VersionCheck check = VersionCheck::Any()) {
    return Several({AppendOf(AggregateIn(0, nth), check, {Event(event)}),
                    AppendOf(AggregateIn(1, nth), check, {Event(event + 1)})});
  }

  OpenAppend OpenWide(int nth, std::uint64_t event) const {
    return {database_.conninfo(), Wide(nth, event), 2, storage::LaneMode::kShared};
  }

  // Until a session waits for a lane, or for another transaction's row.
  bool AwaitWaiting(const std::string& locktype) const {
    return Eventually([&] {
      return Ask("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = '" + locktype + "'") != "0";
    });
  }
};

TEST_F(SharedLanesTest, OthersOfItsKindAreNotWaitedFor) {
  OpenAppend open = OpenWide(0, 1);
  EXPECT_THAT(instance_.Start(Wide(1, 11)).get(), IsOk());
  open.Commit();
  ExpectEvents(4);
}

TEST_F(SharedLanesTest, AnAppendToOneLaneWaits) {
  OpenAppend open = OpenWide(0, 1);
  auto narrow = instance_.Start(One(AggregateIn(1, 1), VersionCheck::Any(), {Event(11)}));
  EXPECT_TRUE(AwaitWaiting("advisory"));
  open.Commit();
  EXPECT_THAT(narrow.get(), IsOk());
  ExpectEvents(3);
}

// Both decisions hold when they are made, and only one can be true: a checked aggregate may not move before the commit.
TEST_F(SharedLanesTest, WhatOnlyChecksAnAggregateWaits) {
  OpenAppend open = OpenWide(0, 1);
  auto checking = instance_.Start(Several({AppendOf(AggregateIn(1, 1), VersionCheck::Any(), {Event(11)})},
                                          {{AggregateIn(0, 0), VersionCheck::Exact(0)}}));
  EXPECT_TRUE(AwaitWaiting("advisory"));
  open.Commit();
  EXPECT_THAT(checking.get(), HasReason(Reason::kVersionConflict));
  ExpectEvents(2);
}

TEST_F(SharedLanesTest, ANewAggregateThatSomebodyElseMakesFirst) {
  OpenAppend open = OpenWide(0, 1);
  auto same = instance_.Start(Wide(0, 11));
  EXPECT_TRUE(AwaitWaiting("transactionid"));
  open.Commit();
  const AppendAnswer answer = same.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 2);
  EXPECT_GT(TransactionOf(answer->front().events.front()), TransactionOf(open.first()));
  ExpectEvents(4);
}

TEST_F(SharedLanesTest, AHeadThatMovesMeanwhile) {
  ASSERT_THAT(instance_.Start(Wide(0, 1)).get(), IsOk());
  OpenAppend open = OpenWide(0, 11);
  auto any = instance_.Start(Wide(0, 21));
  EXPECT_TRUE(AwaitWaiting("transactionid"));
  open.Commit();
  const AppendAnswer answer = any.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 3);
  EXPECT_GT(answer->front().events.front().global_position, open.first().global_position);
  EXPECT_GE(answer->front().events.front().timestamp, open.first().timestamp);
  ExpectEvents(6);
}

TEST_F(SharedLanesTest, AVersionThatIsTakenMeanwhileIsAConflict) {
  ASSERT_THAT(instance_.Start(Wide(0, 1)).get(), IsOk());
  OpenAppend open = OpenWide(0, 11);
  auto exact = instance_.Start(Wide(0, 21, VersionCheck::Exact(1)));
  EXPECT_TRUE(AwaitWaiting("transactionid"));
  open.Commit();
  const AppendAnswer answer = exact.get();
  ASSERT_THAT(answer, HasReason(Reason::kVersionConflict));
  EXPECT_EQ(domain::FromStatus(answer.status()).conflicts.at(0).actual, 2);
  ExpectEvents(4);
}

TEST_F(SharedLanesTest, ARepeatOfWhatIsStillBeingWrittenIsAnsweredLikeIt) {
  OpenAppend open = OpenWide(0, 1);
  auto repeat = instance_.Start(Wide(0, 1));
  EXPECT_TRUE(AwaitWaiting("transactionid"));
  open.Commit();
  const AppendAnswer answer = repeat.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().events.front(), open.first());
  ExpectEvents(2);
}

// Those that wait for each other's heads would wait in a circle if each took them in its own order.
TEST_F(SharedLanesTest, TwoInstancesThatMeetInTheSameAggregatesAllTheTime) {
  Instance other(database_.conninfo());
  constexpr int kRounds = 60;
  const auto work = [](Instance& instance, std::uint64_t first, bool backward) {
    for (int round = 0; round < kRounds; ++round) {
      std::vector<domain::Append> appends;
      for (int nth = 0; nth < 4; ++nth) {
        for (const int lane : {0, 1}) {
          appends.push_back(AppendOf(AggregateIn(lane, nth), VersionCheck::Any(), {Event(first++)}));
        }
      }
      if (backward) std::ranges::reverse(appends);
      EXPECT_THAT(instance.Start(Several(std::move(appends))).get(), IsOk());
    }
  };
  std::vector<std::thread> clients;
  clients.emplace_back(work, std::ref(instance_), 0x1'0000, false);
  clients.emplace_back(work, std::ref(instance_), 0x2'0000, true);
  clients.emplace_back(work, std::ref(other), 0x3'0000, false);
  clients.emplace_back(work, std::ref(other), 0x4'0000, true);
  for (auto& client : clients) client.join();
  ExpectEvents(4 * kRounds * 8);
  EXPECT_EQ(Ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"), "0");
  EXPECT_EQ(Ask("SELECT string_agg(DISTINCT version::text, ',') FROM aggregate_heads WHERE version > 1"),
            std::to_string(4 * kRounds));
}

}  // namespace
}  // namespace eventstore::testing
