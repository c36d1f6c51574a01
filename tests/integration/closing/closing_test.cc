// What is closed stays as it is, and what is not closed yet is found all the same.
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "server/storage/closing_thread.h"
#include "tests/integration/cursors/cursor_fixture.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/held_lanes.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;

class ClosingTest : public CursorTest {
 protected:
  std::int64_t Number(const std::string& sql) { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::int64_t Recorded() { return Number("SELECT count(*) FROM closed_chunks WHERE events > 0"); }

  int Close() {
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 1'000});
    auto step = closer.Step({});
    EXPECT_THAT(step, IsOk());
    return step.ok() ? step->recorded : -1;
  }

  const History history_{.days = 5, .events_a_day = 30};
};

TEST_F(ClosingTest, NothingIsRecordedInATimeThatIsClosedEvenIfTheClockJumpsBack) {
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  // The database's clock is behind the end of what is closed: that is what a jump back looks like.
  database_.Execute("UPDATE store_identity SET closed_until = date_trunc('day', now()) + interval '3 days'");
  const auto until = Number("SELECT (extract(epoch FROM closed_until) * 1000000)::bigint FROM store_identity");
  for (const auto& batch : {One(AggregateIn(0), VersionCheck::Exact(1), {Event(2), Event(3)}),
                            One(AggregateIn(1), VersionCheck::Exact(0), {Event(4)})}) {
    const auto answer = instance.Append(batch);
    ASSERT_THAT(answer, IsOk());
    for (const auto& event : answer->front().events) EXPECT_GE(event.timestamp, until);
    // Recognised all the same.
    EXPECT_THAT(instance.Append(batch), IsOk());
  }
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 4);
  // The chunk of today ends before closed_until and is closed; its event is read from there, the others from the open
  // one.
  storage::ChunkCloser closer(database_.conninfo());
  ASSERT_THAT(closer.Record({}), IsOk());
  EXPECT_EQ(Recorded(), 1);
  for (const int lane : {0, 1}) {
    auto read = ReadAggregate(AggregateIn(lane), session_, chunks_);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->size(), lane == 0 ? 3U : 1U);
  }
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(ClosingTest, AnAppendThatIsUnderWayIsWaitedFor) {
  history_.Insert(database_);
  HeldLanes held(database_.conninfo(), {1});
  storage::ChunkCloser closer(database_.conninfo());
  // Not for ever, since appends wait behind it.
  EXPECT_FALSE(closer.RaiseClosedUntil().ok());
  EXPECT_EQ(Number("SELECT count(*) FROM store_identity WHERE closed_until = '-infinity'"), 1);
  held.Release();
  EXPECT_THAT(closer.RaiseClosedUntil(), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM store_identity WHERE closed_until = '2020-01-06'"), 1);
}

TEST_F(ClosingTest, WhatACloserLeftUnfinishedIsOpenAndTheNextOneFinishesIt) {
  history_.Insert(database_);
  {
    storage::ChunkCloser killed(database_.conninfo(), {.chunks_a_step = 2});
    ASSERT_THAT(killed.RaiseClosedUntil(), IsOk());
    EXPECT_EQ(Read(*Aggregate(0)), Every(1, 150, 3));
    const auto step = killed.Record({});
    ASSERT_THAT(step, IsOk());
    EXPECT_EQ(step->recorded, 2);
    EXPECT_EQ(step->left, 3);
  }
  EXPECT_EQ(Read(*Aggregate(0)), Every(1, 150, 3));
  EXPECT_EQ(Read(*Correlated(1)), Every(2, 150, 5));
  EXPECT_EQ(Close(), 3);
  EXPECT_EQ(Close(), 0);
  EXPECT_EQ(Recorded(), 5);
  EXPECT_EQ(Read(*Aggregate(0)), Every(1, 150, 3));
  EXPECT_EQ(Read(*Correlated(1)), Every(2, 150, 5));
}

TEST_F(ClosingTest, AChunkThatIsNotLongOverStaysOpen) {
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  EXPECT_EQ(Close(), 0);
  history_.Insert(database_);
  EXPECT_EQ(Close(), 5);
  EXPECT_LE(Number("SELECT (extract(epoch FROM closed_until) * 1000000)::bigint FROM store_identity"),
            domain::SystemClock().Now());
}

TEST_F(ClosingTest, AnAggregateOfOneChunkCostsNoRow) {
  // 30 aggregates, each with one event a day on the first day only, and one that goes on.
  const History one_day{.days = 1, .events_a_day = 30, .aggregates = 30};
  one_day.Insert(database_);
  EXPECT_EQ(Close(), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM chunk_aggregates"), 0);
  EXPECT_EQ(Read(*Aggregate(7)), (Numbers{8}));
}

TEST_F(ClosingTest, ATableThatTookThePlaceOfAClosedOneIsOpen) {
  history_.Insert(database_);
  EXPECT_EQ(Close(), 5);
  EXPECT_EQ(Read(*Correlated(0)).size(), 30U);
  history_.DropBefore(database_, 5);
  EXPECT_EQ(Read(*All()).size(), 0U);
  database_.Execute("DELETE FROM aggregate_heads");
  // The same times, other events.
  const History again{.days = 5, .events_a_day = 60, .correlations = 2};
  again.Insert(database_);
  EXPECT_EQ(Read(*Correlated(0)), Every(1, 300, 2));
  EXPECT_EQ(Read(*Aggregate(1)), Every(2, 300, 3));
  EXPECT_EQ(Close(), 5);
  EXPECT_EQ(Recorded(), 5);
  EXPECT_EQ(Read(*Correlated(0)), Every(1, 300, 2));
  EXPECT_EQ(Read(*Correlated(4)).size(), 0U);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 300);
}

TEST_F(ClosingTest, TheVerifierFindsWhatTheDirectoryDoesNotKnow) {
  history_.Insert(database_);
  EXPECT_EQ(Close(), 5);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 150);
  const auto violations = [&](const std::string& sql) {
    database_.Execute(sql);
    std::vector<std::string> rules;
    const auto report = storage::Verifier(database_.conninfo()).Run({}, {});
    EXPECT_THAT(report, IsOk());
    if (report.ok()) {
      for (const auto& violation : report->violations) rules.push_back(violation.rule);
    }
    return rules;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(violations("DELETE FROM chunk_correlations WHERE range_start = '2020-01-03' AND correlation_id = '" +
                         History::CorrelationId(1).ToString() + "'"),
              ElementsAre("directory"));
  EXPECT_THAT(violations("UPDATE chunk_users SET events = events + 1 WHERE range_start = '2020-01-01' AND user_id = '" +
                         History::User(0) + "'"),
              ElementsAre("directory", "directory"));
  EXPECT_THAT(
      violations("UPDATE chunk_aggregates SET first_version = first_version - 1 WHERE range_start = '2020-01-04' "
                 "AND aggregate_id = '" +
                 History::AggregateId(2).ToString() + "'"),
      ElementsAre("directory", "directory", "directory"));
  // Recorded anew, all is well but for the one that the last statement lets appends into.
  EXPECT_EQ(
      (database_.Execute("DELETE FROM closed_chunks; DELETE FROM chunk_aggregates; DELETE FROM chunk_correlations; "
                         "DELETE FROM chunk_users; DELETE FROM chunk_event_types"),
       Close()),
      5);
  EXPECT_THAT(violations("UPDATE store_identity SET closed_until = '2020-01-05'"), ElementsAre("directory"));
}

TEST_F(ClosingTest, TheThreadClosesAndEndsWhenAsked) {
  history_.Insert(database_);
  {
    const storage::ClosingThread thread(database_.conninfo(),
                                        {.first = std::chrono::milliseconds{1}, .closer = {.chunks_a_step = 2}});
    EXPECT_TRUE(Eventually([&] { return Recorded() == 5; }));
  }
  // One that waits for its turn ends as well.
  const storage::ClosingThread waiting(database_.conninfo(), {.first = std::chrono::hours{1}, .closer = {}});
}

}  // namespace
}  // namespace eventstore::testing
