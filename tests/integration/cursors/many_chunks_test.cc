// Ten years of days are no reason for a read to lock ten years of tables.
#include <string>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Direction;
using domain::GroupBy;
using domain::VersionCheck;
using ::testing::HasSubstr;

// 400 daily chunks, and a lock table in which there is room for about a tenth of them and their indexes. A real server
// gets there with more days, more sessions, or both.
class ManyChunksTest : public CursorTest {
 protected:
  static constexpr int kDays = 400;

  ManyChunksTest() {
    history_.Insert(database_);
    // Advisory locks fill the same table. Taken one by one, since the statement that fails takes none.
    int taken = 0;
    for (int step = 1'000; step >= 10;) {
      const auto filled =
          filler_.RunText("SELECT count(pg_advisory_lock(1, i)) FROM generate_series($1::int, $2::int) i",
                          {std::to_string(taken + 1), std::to_string(taken + step)});
      taken += step;  // those that fit are held, whether or not all did
      if (!filled.ok()) step /= 10;
    }
    EXPECT_THAT(filler_.RunText("SELECT count(pg_advisory_unlock(1, i)) FROM generate_series(1, 400) i", {}), IsOk());
  }

  void ExpectReads() {
    // The test's own teeth: a statement over the whole table does not.
    EXPECT_THAT(session_.RunText("SELECT count(*) FROM events_v2", {}), HasMessage(HasSubstr("out of shared memory")));

    EXPECT_EQ(Read(*All()), Every(1, 2'400, 1));
    EXPECT_EQ(Read(*All(Direction::kBackward)), Every(2'400, 1, -1));
    EXPECT_EQ(Read(*All(Direction::kForward, 5, 1'200)), Every(1'201, 1'205, 1));
    EXPECT_EQ(Read(*Aggregate(0)), Every(1, 2'400, 2));
    EXPECT_EQ(Read(*Aggregate(1, Direction::kBackward)), Every(2'400, 1, -2));
    EXPECT_EQ(Read(*User(0)), Every(1, 2'400, 2));
    EXPECT_EQ(Read(*Correlated(1)), Every(2, 2'400, 2));
    for (const auto group_by : {GroupBy::kNone, GroupBy::kDay, GroupBy::kEventType, GroupBy::kUser}) {
      domain::CountQuery query;
      query.group_by = group_by;
      auto counted = storage::CountEvents(session_, chunks_, query);
      ASSERT_THAT(counted, IsOk());
      EXPECT_EQ(counted->count, 2'400);
      if (group_by == GroupBy::kDay) {
        EXPECT_EQ(counted->groups.size(), 400U);
      }
    }
    EXPECT_EQ(ExpectVerified(database_.conninfo()), 2'400);
  }

  const History history_{.days = kDays, .events_a_day = 6, .aggregates = 2, .users = 2, .types = 3, .correlations = 2};
  storage::Session filler_{database_.conninfo(), "filler"};
};

TEST_F(ManyChunksTest, EveryReadWorksWhileAllIsOpen) {
  ExpectReads();
  // The server's own functions, too, as long as the time is bounded.
  EXPECT_THAT(session_.RunText("SELECT get_aggregate_version($1::uuid)", {History::AggregateId(0).ToString()}), IsOk());
  EXPECT_THAT(session_.RunScript("SET plan_cache_mode = force_custom_plan"), IsOk());
  EXPECT_THAT(session_.RunText("SELECT * FROM get_user_event_stream($1)", {History::User(0)}), IsOk());
}

TEST_F(ManyChunksTest, EveryReadWorksWhenAllIsClosed) {
  storage::ChunkCloser closer(database_.conninfo());
  for (int left = 1; left > 0;) {
    const auto step = closer.Step({});
    ASSERT_THAT(step, IsOk());
    left = step->left;
  }
  EXPECT_EQ(database_.Execute("SELECT count(*) FROM closed_chunks WHERE events > 0")[0][0].as<int>(), kDays);
  for (int i = 0; i < 3; ++i) ExpectReads();  // as text, prepared, and prepared before
}

TEST_F(ManyChunksTest, AppendsLockOnlyWhatTheyNeed) {
  Instance instance(database_.conninfo());
  // More often than it takes PostgreSQL to try a plan that fits any time; with repeats, which are compared.
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto batch = Several({AppendOf(AggregateIn(0), VersionCheck::Any(), {Event(2 * i + 1)}),
                                AppendOf(History::AggregateId(0), VersionCheck::Existing(), {Event(2 * i + 2)})});
    ASSERT_THAT(instance.Append(batch), IsOk());
    ASSERT_THAT(instance.Append(batch), IsOk());
  }
  // An old repeat: its events are among the first of 400 days.
  const auto old = One(History::AggregateId(1), VersionCheck::Exact(0), {Event(99)});
  EXPECT_THAT(instance.Append(old), HasReason(domain::Reason::kVersionConflict));
  // A new cluster: the largest position of all chunks is looked for.
  database_.Execute("UPDATE store_identity SET system_identifier = system_identifier + 1");
  Instance restored(database_.conninfo());
  EXPECT_THAT(restored.Append(One(AggregateIn(0), VersionCheck::Exact(12), {Event(100)})), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2'425);
}

}  // namespace
}  // namespace eventstore::testing
