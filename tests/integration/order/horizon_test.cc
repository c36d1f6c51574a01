// No skip: what is read in global order has no event missing that comes to light later.
#include "server/storage/cursor_position.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/domain/position.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/open_append.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class HorizonTest : public ::testing::Test {
 protected:
  // Ids of the events after `from`, as a reader sees them now.
  std::vector<domain::Uuid> Visible(domain::Position from = 0) {
    auto events = ReadAllAfter(from, reader_, chunks_);
    EXPECT_THAT(events, IsOk());
    std::vector<domain::Uuid> ids;
    if (events.ok()) {
      for (const auto& event : *events) ids.push_back(event.id);
    }
    return ids;
  }

  TestDatabase database_;
  Instance instance_{database_.conninfo()};
  storage::ChunkCatalog chunks_;
  storage::Session reader_{database_.conninfo(), "reader"};
};

TEST_F(HorizonTest, WhatIsCommittedIsShownAtOnce) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_THAT(instance_.Append(One(AggregateIn(static_cast<int>(i % 2)), VersionCheck::Any(), {Event(i)})), IsOk());
    EXPECT_EQ(Visible().size(), i);
  }
}

TEST_F(HorizonTest, AnEventBehindAnOpenAppendWaitsForIt) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(1)})), IsOk());
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  const AppendAnswer behind = instance_.Append(One(AggregateIn(1), VersionCheck::Any(), {Event(3)}));
  ASSERT_THAT(behind, IsOk());
  ASSERT_GT(behind->front().events[0].global_position, open.first().global_position);
  // Showing 3 now would mean never showing 2 to a reader who goes on from there.
  EXPECT_THAT(Visible(), ElementsAre(Id(1)));
  open.Commit();
  EXPECT_THAT(Visible(), ElementsAre(Id(1), Id(2), Id(3)));
}

TEST_F(HorizonTest, AnAppendThatComesToNothingHoldsNobodyUp) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(1)})), IsOk());
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  ASSERT_THAT(instance_.Append(One(AggregateIn(1), VersionCheck::Any(), {Event(3)})), IsOk());
  EXPECT_THAT(Visible(), ElementsAre(Id(1)));
  open.Rollback();
  EXPECT_THAT(Visible(), ElementsAre(Id(1), Id(3)));
}

TEST_F(HorizonTest, AnAppenderThatIsKilledHoldsNobodyUp) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(1)})), IsOk());
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  ASSERT_THAT(instance_.Append(One(AggregateIn(1), VersionCheck::Any(), {Event(3)})), IsOk());
  EXPECT_THAT(Visible(), ElementsAre(Id(1)));
  database_.Execute(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE application_name = 'eventstored open append' AND datname = current_database()");
  EXPECT_THAT(Visible(), ElementsAre(Id(1), Id(3)));
}

TEST_F(HorizonTest, AForeignWriterHoldsNobodyUp) {
  // Any transaction with an id pins the snapshot's xmin; ours do not wait for those of others.
  storage::Session foreign(database_.conninfo(), "foreign");
  ASSERT_THAT(foreign.RunScript("BEGIN; SELECT pg_current_xact_id()"), IsOk());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_THAT(instance_.Append(One(AggregateIn(static_cast<int>(i % 2)), VersionCheck::Any(), {Event(i)})), IsOk());
  }
  EXPECT_THAT(Visible(), ElementsAre(Id(1), Id(2), Id(3)));
  // Nor does one that holds advisory locks of its own.
  ASSERT_THAT(foreign.RunScript("SELECT pg_advisory_xact_lock(1, 0); SELECT pg_advisory_xact_lock(0)"), IsOk());
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(4)})), IsOk());
  EXPECT_EQ(Visible().size(), 4U);
}

TEST_F(HorizonTest, BackwardsItBeginsAtTheHorizon) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(1)})), IsOk());
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  ASSERT_THAT(instance_.Append(One(AggregateIn(1), VersionCheck::Any(), {Event(3)})), IsOk());
  const auto backwards = [&] {
    domain::ReadAllQuery query;
    query.direction = domain::Direction::kBackward;
    storage::PositionCursor cursor(query, chunks_);
    auto events = ReadToEnd(cursor, reader_, chunks_);
    EXPECT_THAT(events, IsOk());
    std::vector<domain::Uuid> ids;
    for (const auto& event : *events) ids.push_back(event.id);
    return ids;
  };
  EXPECT_THAT(backwards(), ElementsAre(Id(1)));
  open.Commit();
  EXPECT_THAT(backwards(), ElementsAre(Id(3), Id(2), Id(1)));
}

TEST_F(HorizonTest, AChunkThatAnOpenAppendMadeIsFoundOnceItIsCommitted) {
  // The first event of a day makes a chunk. A list of chunks that was read meanwhile must not be kept.
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(1)}));
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Visible(), IsEmpty());
  open.Commit();
  EXPECT_THAT(Visible(), ElementsAre(Id(1)));
}

TEST_F(HorizonTest, AChunkIsFoundWhateverElseIsGoingOn) {
  // Two writers with ids above every id that has ended: a snapshot names neither as running.
  storage::Session foreign(database_.conninfo(), "foreign");
  ASSERT_THAT(foreign.RunScript("BEGIN; SELECT pg_current_xact_id()"), IsOk());
  OpenAppend open(database_.conninfo(), One(AggregateIn(0), VersionCheck::Any(), {Event(1)}));
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Visible(), IsEmpty());
  ASSERT_THAT(foreign.RunScript("COMMIT"), IsOk());
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Visible(), IsEmpty());
  open.Commit();
  EXPECT_THAT(Visible(), ElementsAre(Id(1)));
}

}  // namespace
}  // namespace eventstore::testing
