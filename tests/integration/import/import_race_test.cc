// Imports into closed times, with closers, appends and readers beside them: nobody misses anything.
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "server/storage/import/importer.h"
#include "tests/integration/cursors/cursor_fixture.h"
#include "tests/integration/import/imported.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;

class ImportRaceTest : public CursorTest {
 protected:
  static constexpr int kBatches = 60;
  static constexpr int kOfBatch = 10;

  // Events at times all over the history, each batch in the order of time.
  static std::vector<domain::ImportedEvent> Batch(const History& history, int lane, int batch, std::mt19937& random) {
    std::vector<domain::ImportedEvent> events;
    for (int i = 0; i < kOfBatch; ++i) {
      const auto id = static_cast<std::uint64_t>(1'000'000 * (lane + 1) + batch * kOfBatch + i);
      const auto time = history.start + static_cast<domain::TimeMicros>(random() % 20) * domain::kMicrosPerDay + 5;
      events.push_back(Imported(AggregateIn(lane, static_cast<int>(random() % 8)), id, time));
    }
    std::ranges::sort(events, {}, &domain::ImportedEvent::timestamp);
    return events;
  }
};

TEST_F(ImportRaceTest, ReadersMissNothingBesideImportersAndAClosingThread) {
  const History history{.days = 20, .events_a_day = 12};
  history.Insert(database_);
  database_.Execute("UPDATE store_identity SET xid_offset = 1000000");
  std::atomic<int> importing = 2;
  std::vector<std::thread> threads;
  for (int lane = 0; lane < 2; ++lane) {
    threads.emplace_back([&, lane] {
      std::mt19937 random(static_cast<std::uint32_t>(lane));
      storage::Importer importer(database_.conninfo(), "import");
      for (int batch = 0; batch < kBatches; ++batch) {
        const auto written = importer.Write(Batch(history, lane, batch, random));
        EXPECT_THAT(written, IsOk());
        if (written.ok()) {
          EXPECT_EQ(written->written, kOfBatch);
        }
      }
      --importing;
    });
  }
  threads.emplace_back([&] {
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 3});
    while (importing > 0) EXPECT_THAT(closer.Step({}), IsOk());
  });
  threads.emplace_back([&] {
    Instance instance(database_.conninfo());
    for (std::uint64_t n = 1; importing > 0; ++n) {
      EXPECT_THAT(instance.Append(One(AggregateIn(static_cast<int>(n % 2), 3), VersionCheck::Any(), {Event(n)})),
                  IsOk());
    }
  });
  // A subscriber: from the last position on, with a list of chunks that is shared with other readers.
  std::atomic<bool> done = false;
  std::set<domain::Uuid> seen;
  std::map<domain::Uuid, domain::Version> versions;
  domain::Position last = 0;
  int twice = 0;
  const auto follow = [&](storage::Session& session) {
    const auto events = ReadAllAfter(last, session, chunks_);
    EXPECT_THAT(events, IsOk());
    if (!events.ok()) return;
    for (const auto& event : *events) {
      twice += seen.insert(event.id).second ? 0 : 1;
      EXPECT_EQ(++versions[event.aggregate_id], event.version);
      EXPECT_GT(event.global_position, last);
      last = event.global_position;
    }
  };
  threads.emplace_back([&] {
    storage::Session session(database_.conninfo(), "follower", storage::SessionKind::kReader);
    while (!done) follow(session);
  });
  // What was there before is always there, by way of the directory as well.
  while (importing > 0) {
    EXPECT_GE(Read(*User(1)).size(), 120U);
    EXPECT_EQ(Read(*Aggregate(2)), Every(3, 240, 3));
    EXPECT_EQ(Read(*Correlated(1)), Every(2, 240, 5));
  }
  done = true;
  for (auto& thread : threads) thread.join();
  follow(session_);
  EXPECT_EQ(twice, 0);
  EXPECT_EQ(static_cast<std::int64_t>(seen.size()), ExpectVerified(database_.conninfo()));
  // And once more with everything recorded.
  storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = 1'000});
  EXPECT_THAT(closer.Step({}), IsOk());
  EXPECT_EQ(static_cast<std::int64_t>(seen.size()), ExpectVerified(database_.conninfo()));
}

}  // namespace
}  // namespace eventstore::testing
