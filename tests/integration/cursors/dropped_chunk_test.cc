// No silent loss: what retention dropped is said, and never breaks a read.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Direction;
using ::testing::IsEmpty;

class DroppedChunkTest : public CursorTest {
 protected:
  DroppedChunkTest() { history_.Insert(database_); }

  // What one page gives.
  Numbers Page(storage::Cursor& cursor, bool* last = nullptr) {
    auto page = storage::NextPage(cursor, session_, chunks_);
    EXPECT_THAT(page, IsOk());
    if (!page.ok()) return {};
    if (last != nullptr) *last = page->last;
    return NumbersOf(page->events);
  }

  // Five days of 300 events; aggregate a has 100 a day.
  const History history_{.days = 5, .events_a_day = 300};
};

TEST_F(DroppedChunkTest, AStreamSaysWhereItBeginsNow) {
  storage::AggregateCursor before(Stream(0), chunks_);
  EXPECT_EQ(Read(before).size(), 500U);
  EXPECT_EQ(before.first_available_version(), 1);
  history_.DropBefore(database_, 2);
  storage::AggregateCursor after(Stream(0), chunks_);
  EXPECT_EQ(Read(after), Every(601, 1'500, 3));
  EXPECT_EQ(after.first_available_version(), 201);
  EXPECT_EQ(after.current_version(), 500);
  domain::AggregateQuery up_to_200 = Stream(0);
  up_to_200.to_version = 200;
  storage::AggregateCursor gone(up_to_200, chunks_);
  EXPECT_THAT(Read(gone), IsEmpty());
  EXPECT_EQ(gone.first_available_version(), 201);
  EXPECT_EQ(Read(*All()), Every(601, 1'500, 1));
  EXPECT_EQ(Read(*User(1)), Every(602, 1'500, 2));
  EXPECT_EQ(Read(*Correlated(0)), Every(601, 1'500, 5));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 900);
}

TEST_F(DroppedChunkTest, AStreamOfWhichNothingIsLeftSaysSo) {
  history_.DropBefore(database_, 5);
  storage::AggregateCursor cursor(Stream(0), chunks_);
  EXPECT_THAT(Read(cursor), IsEmpty());
  EXPECT_EQ(cursor.current_version(), 500);
  EXPECT_EQ(cursor.first_available_version(), 0);
  // Versions go on where they were.
  Instance instance(database_.conninfo());
  const auto answer = instance.Append(One(History::AggregateId(0), domain::VersionCheck::Exact(500), {Event(1)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 501);
  storage::AggregateCursor again(Stream(0), chunks_);
  EXPECT_EQ(Read(again).size(), 1U);
  EXPECT_EQ(again.first_available_version(), 501);
}

TEST_F(DroppedChunkTest, AReadGoesOnWhenAChunkIsDroppedBetweenPages) {
  // First pages have 128 events, so the second one is of the same days.
  const auto rest_after_drop = [&](storage::Cursor& cursor, const Numbers& first) {
    EXPECT_EQ(Page(cursor), first);
    history_.DropBefore(database_, 3);
    return Read(cursor);
  };
  storage::AggregateCursor aggregate(Stream(0), chunks_);
  EXPECT_EQ(rest_after_drop(aggregate, Every(1, 382, 3)), Every(901, 1'500, 3));
  // What is missing in between is said: version 129 is not there any more.
  EXPECT_EQ(aggregate.first_available_version(), 301);
}

TEST_F(DroppedChunkTest, ABackwardReadEndsWhereTheChunksWereDropped) {
  storage::AggregateCursor aggregate(Stream(0, Direction::kBackward), chunks_);
  EXPECT_EQ(Page(aggregate), Every(1'498, 1'117, -3));
  history_.DropBefore(database_, 3);
  EXPECT_EQ(Read(aggregate), Every(1'114, 901, -3));
  EXPECT_EQ(aggregate.first_available_version(), 301);
}

TEST_F(DroppedChunkTest, OtherReadsGoOnToo) {
  const auto user = User(0);
  const auto user_back = User(0, Direction::kBackward);
  const auto all = All();
  const auto all_back = All(Direction::kBackward);
  const auto correlated = Correlated(0);
  EXPECT_EQ(Page(*user), Every(1, 255, 2));
  EXPECT_EQ(Page(*user_back), Every(1'499, 1'245, -2));
  EXPECT_EQ(Page(*all), Every(1, 128, 1));
  EXPECT_EQ(Page(*all_back), Every(1'500, 1'373, -1));
  EXPECT_EQ(Page(*correlated), Every(1, 636, 5));
  history_.DropBefore(database_, 3);
  EXPECT_EQ(Read(*user), Every(901, 1'500, 2));
  EXPECT_EQ(Read(*user_back), Every(1'243, 901, -2));
  EXPECT_EQ(Read(*all), Every(901, 1'500, 1));
  EXPECT_EQ(Read(*all_back), Every(1'372, 901, -1));
  EXPECT_EQ(Read(*correlated), Every(901, 1'500, 5));
}

TEST_F(DroppedChunkTest, ADropThatOthersDoNotKnowOfIsNoticed) {
  // A list of chunks from before the drop, in the cache of a process.
  EXPECT_EQ(Read(*All()).size(), 1'500U);
  EXPECT_EQ(Read(*All()).size(), 1'500U);
  history_.DropBefore(database_, 4);
  auto counted = storage::CountEvents(session_, chunks_, {});
  ASSERT_THAT(counted, IsOk());
  EXPECT_EQ(counted->count, 300);
  history_.DropBefore(database_, 5);
  EXPECT_THAT(Read(*All()), IsEmpty());
}

}  // namespace
}  // namespace eventstore::testing
