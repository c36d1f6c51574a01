// Several closers, and appends beside them.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;

class ClosingRaceTest : public CursorTest {};

TEST_F(ClosingRaceTest, TwoClosersAndAppendsGetInNobodysWay) {
  const History history{.days = 30, .events_a_day = 20};
  history.Insert(database_);
  std::atomic<int> recorded = 0;
  std::atomic<int> closing = 2;
  std::vector<std::thread> closers;
  for (int i = 0; i < 2; ++i) {
    closers.emplace_back([&] {
      storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 1});
      for (int left = 1; left > 0;) {
        const auto step = closer.Step({});
        EXPECT_THAT(step, IsOk());
        if (!step.ok()) break;
        recorded += step->recorded;
        if (step->alone) left = step->left;
      }
      --closing;
    });
  }
  Instance instance(database_.conninfo());
  storage::Session reader(database_.conninfo(), "reader", storage::SessionKind::kReader);
  int appended = 0;
  do {
    ++appended;
    ASSERT_THAT(instance.Append(
                    One(AggregateIn(appended % 2), VersionCheck::Any(), {Event(static_cast<std::uint64_t>(appended))})),
                IsOk());
    const auto read = ReadAggregate(History::AggregateId(1), reader, chunks_);
    EXPECT_THAT(read, IsOk());
    if (read.ok()) {
      EXPECT_EQ(read->size(), 200U);
    }
  } while (closing > 0);
  for (auto& closer : closers) closer.join();
  EXPECT_EQ(recorded, 30);
  EXPECT_EQ(database_.Execute("SELECT count(*), max(change) FROM closed_chunks")[0][0].as<int>(), 30);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 600 + appended);
}

}  // namespace
}  // namespace eventstore::testing
