// Chunks that were closed, and into which something is imported afterwards.
#include "server/storage/chunk_reopener.h"

#include <future>
#include <string>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "server/storage/import/importer.h"
#include "tests/integration/cursors/cursor_fixture.h"
#include "tests/integration/import/imported.h"
#include "tests/integration/store/held_lanes.h"

namespace eventstore::testing {
namespace {

class ReopenTest : public CursorTest {
 protected:
  std::int64_t Number(const std::string& sql) { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  storage::ClosingStep Close() {
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 1'000});
    auto step = closer.Step({});
    EXPECT_THAT(step, IsOk());
    return step.ok() ? *step : storage::ClosingStep{};
  }
  std::int64_t Count(domain::CountQuery query = {}) {
    const auto count = storage::CountEvents(session_, chunks_, query);
    EXPECT_THAT(count, IsOk());
    return count.ok() ? count->count : -1;
  }
  int Users(int user) { return static_cast<int>(Read(*User(user)).size()); }

  const History history_{.days = 5, .events_a_day = 30};
};

TEST_F(ReopenTest, WhatIsImportedIntoAClosedChunkIsFoundByReadersThatKnewItClosed) {
  history_.Insert(database_);
  ASSERT_EQ(Close().recorded, 5);
  // The list of chunks is warm, with all of them closed.
  ASSERT_EQ(Count(), 150);
  ASSERT_EQ(Users(0), 75);
  ASSERT_EQ(Read(*Aggregate(0)).size(), 50U);
  database_.Execute("UPDATE store_identity SET xid_offset = 1000000");  // positions above those of the history

  storage::Importer importer(database_.conninfo(), "import");
  const std::vector<domain::ImportedEvent> events{
      Imported(AggregateIn(0), 1, history_.start + 2 * domain::kMicrosPerDay + 7),
      Imported(AggregateIn(0), 2, history_.start + 3 * domain::kMicrosPerDay + 7)};
  ASSERT_THAT(importer.Write(events), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM closed_chunks"), 3);
  const auto check = [&] {
    EXPECT_EQ(Count(), 152);
    EXPECT_EQ(Users(0), 77);
    const auto read = ReadAggregate(AggregateIn(0), session_, chunks_);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->size(), 2U);
    const auto all = ReadAllAfter(150, session_, chunks_);
    ASSERT_THAT(all, IsOk());
    EXPECT_EQ(all->size(), 2U);
    EXPECT_EQ(Read(*Aggregate(0)).size(), 50U);
  };
  check();
  // Closed again, with what came.
  EXPECT_EQ(Close().recorded, 2);
  check();
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 152);
}

TEST_F(ReopenTest, AReaderThatListedBeforeStillFindsWhatTheChunkHeldThen) {
  history_.Insert(database_);
  ASSERT_EQ(Close().recorded, 5);
  const auto list = chunks_.All(session_);
  ASSERT_THAT(list, IsOk());
  const std::vector<domain::TimeMicros> times{history_.start + 1};
  const auto reopened = storage::ReopenChunks(session_, times);
  ASSERT_THAT(reopened, IsOk());
  EXPECT_EQ(*reopened, 1);
  // The directory, asked after that, still names the chunk for whoever has it as closed.
  const auto places = storage::FindUser(session_, History::User(0), {}, domain::Direction::kForward, 100);
  ASSERT_THAT(places, IsOk());
  EXPECT_EQ(places->places.size(), 5U);
  EXPECT_EQ(places->places.front().chunk, history_.start);
  // For one who lists now it is open.
  const auto now = chunks_.All(session_);
  ASSERT_THAT(now, IsOk());
  EXPECT_FALSE((*now)->front().closed);
  EXPECT_TRUE((*list)->front().closed);
  // Nothing to do: nothing counted.
  const auto before = Number("SELECT closed_changes FROM store_identity");
  EXPECT_EQ(*storage::ReopenChunks(session_, times), 0);
  EXPECT_EQ(Number("SELECT closed_changes FROM store_identity"), before);
  EXPECT_EQ(Close().recorded, 1);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 150);
}

TEST_F(ReopenTest, NothingIsClosedWhileAnImportIsUnderWay) {
  history_.Insert(database_);
  // The import has its place among the closers and waits for a lane.
  HeldLanes held(database_.conninfo(), {0});
  storage::Importer importer(database_.conninfo(), "import");
  const std::vector<domain::ImportedEvent> events{Imported(AggregateIn(0), 1, history_.start + 7)};
  auto import = std::async(std::launch::async, [&] { return importer.Write(events); });
  ASSERT_TRUE(held.AwaitWaiters());
  EXPECT_FALSE(Close().alone);
  EXPECT_EQ(Number("SELECT count(*) FROM closed_chunks"), 0);
  held.Release();
  EXPECT_THAT(import.get(), IsOk());
  EXPECT_EQ(Close().recorded, 5);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 151);
}

TEST_F(ReopenTest, ALongImportMayHoldChunksOpenBetweenItsBatches) {
  history_.Insert(database_);
  {
    storage::Importer importer(database_.conninfo(), "import");
    importer.HoldChunksOpen();
    ASSERT_THAT(importer.Prepare(), IsOk());
    EXPECT_FALSE(Close().alone);
  }
  EXPECT_TRUE(Eventually([&] { return Close().recorded == 5; }));
}

}  // namespace
}  // namespace eventstore::testing
