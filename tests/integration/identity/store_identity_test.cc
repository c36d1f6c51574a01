// A database whose cluster is not the one its positions were made in, simulated by changing what it remembers.
#include "server/storage/store_identity.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/domain/position.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/held_lanes.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::HasSubstr;

class StoreIdentityTest : public ::testing::Test {
 protected:
  std::string Ask(const std::string& sql) const { return database_.Execute(sql)[0][0].c_str(); }

  // As if the events so far had been written by a cluster that had reached transaction `xid`.
  void ComeFromAnotherCluster(std::int64_t xid) {
    database_.Execute("UPDATE events_v2 SET global_position = global_position + (" + std::to_string(xid) +
                      "::bigint << 20);"
                      "UPDATE store_identity SET system_identifier = system_identifier + 1");
  }

  std::vector<std::int64_t> PositionsSeen() {
    auto events = ReadAllAfter(0, reader_, chunks_);
    EXPECT_THAT(events, IsOk());
    std::vector<std::int64_t> positions;
    if (events.ok()) {
      for (const auto& event : *events) positions.push_back(event.global_position);
    }
    return positions;
  }

  TestDatabase database_;
  storage::ChunkCatalog chunks_;
  storage::Session reader_{database_.conninfo(), "reader"};
};

TEST_F(StoreIdentityTest, NewPositionsStayAboveThoseOfTheOldCluster) {
  std::int64_t old_last = 0;
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1), Event(2)})), IsOk());
  }
  ComeFromAnotherCluster(5'000'000'000);
  old_last = std::stoll(Ask("SELECT max(global_position) FROM events_v2"));
  Instance after(database_.conninfo());
  const auto answer = after.Append(One(AggregateIn(0), VersionCheck::Exact(2), {Event(3)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_GT(answer->front().events[0].global_position, old_last);
  // One transaction above, give or take those that were needed to find out.
  EXPECT_LT(answer->front().events[0].global_position, old_last + (100 << domain::kOrdinalBits));
  EXPECT_EQ(Ask("SELECT system_identifier = (SELECT system_identifier FROM pg_control_system()) FROM store_identity"),
            "t");
  const auto seen = PositionsSeen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(StoreIdentityTest, AClusterThatIsFurtherAlreadyNeedsNoOffset) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  ComeFromAnotherCluster(0);
  Instance after(database_.conninfo());
  ASSERT_THAT(after.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)})), IsOk());
  EXPECT_EQ(Ask("SELECT xid_offset FROM store_identity"), "0");
  EXPECT_EQ(PositionsSeen().size(), 2U);
}

TEST_F(StoreIdentityTest, TheOffsetIsNeverLowered) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  database_.Execute("UPDATE store_identity SET xid_offset = 7000000");
  ComeFromAnotherCluster(0);
  Instance after(database_.conninfo());
  ASSERT_THAT(after.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)})), IsOk());
  EXPECT_EQ(Ask("SELECT xid_offset FROM store_identity"), "7000000");
}

TEST_F(StoreIdentityTest, OfSeveralInstancesOneRaisesTheOffset) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  ComeFromAnotherCluster(3'000'000);
  // Nobody gets any further until all are waiting for the lanes.
  HeldLanes lanes(database_.conninfo(), {0, 1});
  std::vector<std::unique_ptr<Instance>> instances;
  std::vector<std::future<AppendAnswer>> answers;
  for (std::uint64_t i = 0; i < 4; ++i) {
    instances.push_back(std::make_unique<Instance>(database_.conninfo()));
    answers.push_back(instances.back()->Start(One(AggregateIn(0), VersionCheck::Any(), {Event(i + 2)})));
  }
  ASSERT_TRUE(lanes.AwaitWaiters(4));
  lanes.Release();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
  const auto seen = PositionsSeen();
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  // Raised once: a second time would have counted the positions of the first who appended.
  EXPECT_LT(seen.back() >> domain::kOrdinalBits, (seen.front() >> domain::kOrdinalBits) + 100);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 5);
}

TEST_F(StoreIdentityTest, AServerNoticesAtItsNextConnection) {
  // The cluster changes under a running server, as with a fail-over to a restored copy.
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  ComeFromAnotherCluster(3'000'000);
  const auto old_last = std::stoll(Ask("SELECT max(global_position) FROM events_v2"));
  database_.Execute(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
      "WHERE application_name LIKE 'eventstored%' AND datname = current_database()");
  const auto answer = instance.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_GT(answer->front().events[0].global_position, old_last);
  EXPECT_EQ(PositionsSeen().size(), 2U);
}

TEST_F(StoreIdentityTest, AReaderAloneSeesWhatTheOldClusterWrote) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  EXPECT_EQ(PositionsSeen().size(), 1U);
  ComeFromAnotherCluster(3'000'000);
  // On the connection it has, and without anybody who appends.
  EXPECT_EQ(PositionsSeen().size(), 1U);
}

TEST_F(StoreIdentityTest, AnotherNumberOfLanesIsRefused) {
  // Two servers with different numbers could append to one aggregate at once.
  Instance instance(database_.conninfo(), {.lanes = 3});
  EXPECT_THAT(instance.Append(One(AggregateIn(0, 0, 3), VersionCheck::Exact(0), {Event(1)})),
              AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr("has 2 lanes"))));
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2"), "0");
}

}  // namespace
}  // namespace eventstore::testing
