// Several instances append at once, over several aggregates at a time, while somebody reads along. Two orders are
// checked at the end: that of each aggregate, and that in which the reader saw everything.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;

constexpr int kInstances = 3;
constexpr int kWritersEach = 4;
constexpr int kRounds = 150;
constexpr int kAggregates = 12;
constexpr int kLanes = 4;

class TailTest : public ::testing::Test {
 protected:
  TailTest() {
    database_.Execute("UPDATE store_identity SET lanes = " + std::to_string(kLanes));
    for (int i = 0; i < kInstances; ++i) {
      instances_.push_back(std::make_unique<Instance>(database_.conninfo(), Instance::Options{.lanes = kLanes}));
    }
  }

  // Batches over one to three aggregates, of any lanes, in any order.
  void Write(int writer) {
    std::mt19937 random(static_cast<unsigned>(writer));
    std::uniform_int_distribution<std::uint64_t> aggregate(0, kAggregates - 1);
    std::uint64_t next = static_cast<std::uint64_t>(writer + 1) << 20;
    for (int round = 0; round < kRounds; ++round) {
      std::vector<domain::Append> appends;
      const int count = 1 + round % 3;
      std::vector<std::uint64_t> ids;
      for (int i = 0; i < count; ++i) {
        ids.push_back(next);
        appends.push_back(AppendOf(Id(aggregate(random)), VersionCheck::Any(), {Event(next++), Event(next++)}));
      }
      const auto answer = instances_[static_cast<std::size_t>(writer % kInstances)]->Append(Several(appends));
      ASSERT_THAT(answer, IsOk());
      appended_ += 2 * count;
    }
  }

  // Reads on from its last position until `done` holds before a read that brings nothing.
  std::vector<domain::RecordedEvent> Follow(const std::atomic<bool>& done) {
    storage::ChunkCatalog chunks;
    storage::Session session(database_.conninfo(), "tail");
    std::vector<domain::RecordedEvent> seen;
    for (;;) {
      const bool last = done;
      auto events = ReadAllAfter(seen.empty() ? 0 : seen.back().global_position, session, chunks);
      EXPECT_THAT(events, IsOk());
      if (!events.ok() || (last && events->empty())) return seen;
      std::move(events->begin(), events->end(), std::back_inserter(seen));
    }
  }

  TestDatabase database_;
  std::vector<std::unique_ptr<Instance>> instances_;
  std::atomic<std::int64_t> appended_ = 0;
};

TEST_F(TailTest, EveryEventIsSeenOnceAndInOrder) {
  // Idle in a transaction of its own from before the first event to after the last: it must not hold the reader up.
  storage::Session foreign(database_.conninfo(), "foreign");
  ASSERT_THAT(foreign.RunScript("CREATE TABLE other (n integer)"), IsOk());
  ASSERT_THAT(foreign.RunScript("BEGIN; INSERT INTO other VALUES (1)"), IsOk());
  std::atomic<bool> done = false;
  std::vector<std::vector<domain::RecordedEvent>> seen(2);
  std::vector<std::thread> readers;
  for (auto& one : seen) readers.emplace_back([&] { one = Follow(done); });
  std::vector<std::thread> writers;
  for (int i = 0; i < kInstances * kWritersEach; ++i) writers.emplace_back([&, i] { Write(i); });
  for (auto& thread : writers) thread.join();
  done = true;
  for (auto& thread : readers) thread.join();
  ASSERT_THAT(foreign.RunScript("COMMIT"), IsOk());

  const auto stored = ExpectVerified(database_.conninfo());
  EXPECT_EQ(stored, appended_);
  for (const auto& one : seen) {
    EXPECT_EQ(static_cast<std::int64_t>(one.size()), stored);
    std::set<domain::Uuid> ids;
    domain::Position before = 0;
    std::map<domain::Uuid, domain::RecordedEvent> last;
    for (const auto& event : one) {
      EXPECT_TRUE(ids.insert(event.id).second) << event.id.ToString() << " came twice";
      EXPECT_GT(event.global_position, before);
      before = event.global_position;
      // Version order, timestamp order and position order are one.
      const auto [found, first] = last.try_emplace(event.aggregate_id, event);
      if (first) {
        EXPECT_EQ(event.version, 1);
      } else {
        EXPECT_EQ(event.version, found->second.version + 1);
        EXPECT_GE(event.timestamp, found->second.timestamp);
        found->second = event;
      }
    }
  }
}

}  // namespace
}  // namespace eventstore::testing
