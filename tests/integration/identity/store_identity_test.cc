// A database whose cluster is not the one its positions were made in, simulated by changing what it remembers.
#include "server/storage/store_identity.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "server/domain/position.h"
#include "server/storage/cursor_position.h"
#include "server/storage/subscription_start.h"
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

// Transactions left free for what may have been lost just now.
constexpr std::int64_t kGap = domain::RestoreGap(0);

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
  // Above what may have been lost as well, give or take the transactions that were needed to find out.
  EXPECT_GT(answer->front().events[0].global_position, old_last + (kGap << domain::kOrdinalBits));
  EXPECT_LT(answer->front().events[0].global_position, old_last + ((kGap + 100) << domain::kOrdinalBits));
  EXPECT_EQ(Ask("SELECT system_identifier = (SELECT system_identifier FROM pg_control_system()) FROM store_identity"),
            "t");
  const auto seen = PositionsSeen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

class ChangedStoreTest : public StoreIdentityTest {
 protected:
  // Appends, makes the store look as `sql` makes it, and appends again.
  void Change(const std::string& sql) {
    Instance before(database_.conninfo());
    const auto first = before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}));
    ASSERT_THAT(first, IsOk());
    last_kept_ = first->front().events[0].global_position;
    database_.Execute(sql);
    Instance after(database_.conninfo());
    const auto second = after.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}));
    ASSERT_THAT(second, IsOk());
    first_new_ = second->front().events[0].global_position;
  }

  absl::Status Subscribe(domain::Position position) {
    domain::SubscriptionStart start;
    start.kind = domain::SubscriptionStart::Kind::kPosition;
    start.position = position;
    return storage::FindStart(reader_, chunks_, start).status();
  }

  void ExpectRaised() {
    EXPECT_GT(first_new_, last_kept_ + (kGap << domain::kOrdinalBits));
    EXPECT_THAT(Subscribe(last_kept_), IsOk());
    EXPECT_THAT(Subscribe(first_new_ - 1), IsOk());
    for (const domain::Position lost : {last_kept_ + 1, last_kept_ + (kGap << domain::kOrdinalBits)}) {
      EXPECT_THAT(Subscribe(lost), HasReason(Reason::kPositionAhead));
      domain::ReadAllQuery query;
      query.from_position = lost;
      storage::PositionCursor cursor(query, chunks_);
      EXPECT_THAT(cursor.Next(reader_), HasReason(Reason::kPositionAhead));
    }
    EXPECT_EQ(Ask("SELECT count(*) FROM lost_positions WHERE kind = 'events'"), "1");
    EXPECT_EQ(Ask("SELECT nextval('operations_positions') > before AND before > after FROM lost_positions "
                  "WHERE kind = 'changes'"),
              "t");
    // Once: it is known now.
    Instance again(database_.conninfo());
    ASSERT_THAT(again.Append(One(AggregateIn(0), VersionCheck::Exact(2), {Event(3)})), IsOk());
    EXPECT_EQ(Ask("SELECT count(*) FROM lost_positions"), "2");
  }

  domain::Position last_kept_ = 0;
  domain::Position first_new_ = 0;
};

TEST_F(ChangedStoreTest, ADumpRestoredIntoTheSameCluster) {
  // As pg_restore leaves it: the table is another one.
  Change("UPDATE store_identity SET table_oid = 1");
  ExpectRaised();
}

TEST_F(ChangedStoreTest, AClusterUnderAnotherTimeline) {
  Change("UPDATE store_identity SET timeline = 77");
  ExpectRaised();
}

TEST_F(StoreIdentityTest, TheOlderWhatIsRestoredTheMoreIsLeftFree) {
  // No event and no run of the housekeeper tells of a later moment.
  database_.Execute("UPDATE store_identity SET timeline = 77, created_at = created_at - interval '7 days'");
  Instance after(database_.conninfo());
  const auto answer = after.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_GT(answer->front().events[0].global_position, domain::RestoreGap(7 * 86'400) << domain::kOrdinalBits);
}

TEST_F(ChangedStoreTest, NothingIsRaisedWhileNothingChanged) {
  Change("SELECT 1");
  EXPECT_LT(first_new_, last_kept_ + (1'000'000 << domain::kOrdinalBits));
  EXPECT_EQ(Ask("SELECT count(*) FROM lost_positions"), "0");
}

TEST_F(StoreIdentityTest, ADumpInAnOlderCopyOfItsClusterIsNoticedAtTheStart) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  database_.Execute("UPDATE events_v2 SET global_position = global_position + (3000000::bigint << 20)");
  const auto last = std::stoll(Ask("SELECT max(global_position) FROM events_v2"));
  ASSERT_THAT(storage::EnsureIdentity(reader_, chunks_), IsOk());
  EXPECT_EQ(Ask("SELECT xid_offset FROM store_identity"), "0");
  const auto identity = storage::EnsureIdentityAtStart(reader_, chunks_);
  ASSERT_THAT(identity, IsOk());
  EXPECT_GT(identity->xid_offset, 3'000'000);
  Instance after(database_.conninfo());
  const auto answer = after.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}));
  ASSERT_THAT(answer, IsOk());
  EXPECT_GT(answer->front().events[0].global_position, last);
}

TEST_F(StoreIdentityTest, TheOffsetIsNeverLowered) {
  {
    Instance before(database_.conninfo());
    ASSERT_THAT(before.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  }
  database_.Execute("UPDATE store_identity SET xid_offset = 70000000");
  ComeFromAnotherCluster(0);
  Instance after(database_.conninfo());
  ASSERT_THAT(after.Append(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)})), IsOk());
  EXPECT_EQ(Ask("SELECT xid_offset FROM store_identity"), "70000000");
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
  EXPECT_LT(seen.back() >> domain::kOrdinalBits, (seen.front() >> domain::kOrdinalBits) + kGap + 100);
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
