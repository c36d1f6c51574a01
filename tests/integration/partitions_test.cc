// What the housekeeper sees and does of partitions, on the real engine.
#include "server/storage/partitions.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/storage/store_identity.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using testing::IsOk;
using testing::TestDatabase;

// 2026-03-01T00:00:00Z.
constexpr domain::TimeMicros kMarch = 1'772'323'200 * domain::kMicrosPerSecond;
constexpr domain::TimeRange kTwoMarchDays{kMarch, kMarch + 2 * domain::kMicrosPerDay};

constexpr char kTwoDays[] = R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                       global_position)
SELECT gen_random_uuid(), t, gen_random_uuid(), 'entity', 'Made', '{}', '{}', 1, 'api', row_number() OVER ()
FROM unnest(ARRAY['2026-03-01 10:00Z', '2026-03-02 10:00Z']::timestamptz[]) t
)sql";

class PartitionsTest : public ::testing::Test {
 protected:
  TestDatabase database_;
  Session session_{database_.conninfo(), "test"};
  ChunkCatalog catalog_;
  std::unique_ptr<Partitions> partitions_;

  void SetUp() override {
    ASSERT_THAT(session_.EnsureConnected(), IsOk());
    auto identity = EnsureIdentity(session_, catalog_);
    ASSERT_THAT(identity, IsOk());
    partitions_ = PartitionsOf(identity->engine, identity->edition);
    database_.EnsurePartitions(kTwoMarchDays);
    database_.Execute(kTwoDays);
  }

  // Those of the two days; an engine may have made others ahead.
  std::vector<Partition> Listed() {
    auto listed = partitions_->List(session_);
    EXPECT_THAT(listed, IsOk());
    if (!listed.ok()) return {};
    EXPECT_TRUE(std::ranges::is_sorted(*listed, {}, [](const Partition& one) { return one.range.from; }));
    std::erase_if(*listed, [](const Partition& one) { return one.range.from >= kTwoMarchDays.to; });
    return *std::move(listed);
  }
};

TEST_F(PartitionsTest, ListsOldestFirstWithSizes) {
  const auto listed = Listed();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].range.from, kMarch);
  EXPECT_EQ(listed[0].range.to, listed[1].range.from);
  EXPECT_GT(listed[0].bytes, 0);
  EXPECT_FALSE(listed[0].rows_exact);
  EXPECT_FALSE(listed[0].compressed);
}

TEST_F(PartitionsTest, DropsOneAndLeavesItsNeighbours) {
  const auto listed = Listed();
  ASSERT_EQ(listed.size(), 2U);
  ASSERT_THAT(partitions_->Drop(session_, listed[0]), IsOk());
  EXPECT_THAT(Listed(), ElementsAre(Field(&Partition::table, listed[1].table)));
  EXPECT_EQ(database_.Execute("SELECT count(*) FROM events_v2")[0][0].as<int>(), 1);
}

// A caller that notes in the same transaction what it dropped.
TEST_F(PartitionsTest, ADropInATransactionGoesWithIt) {
  const auto listed = Listed();
  ASSERT_EQ(listed.size(), 2U);
  for (const char* end : {"ROLLBACK", "COMMIT"}) {
    ASSERT_THAT(session_.RunScript("BEGIN; SET LOCAL lock_timeout = '7s'"), IsOk());
    ASSERT_THAT(partitions_->Drop(session_, listed[0]), IsOk());
    auto timeout = session_.RunScript("SHOW lock_timeout");
    ASSERT_THAT(timeout, IsOk());
    EXPECT_STREQ((*timeout)[0][0].c_str(), "7s");
    ASSERT_THAT(session_.RunScript(end), IsOk());
    EXPECT_EQ(Listed().size(), std::string(end) == "COMMIT" ? 1U : 2U);
  }
}

TEST_F(PartitionsTest, WhatIsThereIsNotMadeAgain) {
  const auto before = Listed();
  auto made = partitions_->Ensure(session_, kTwoMarchDays);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(*made, 0);
  EXPECT_EQ(Listed().size(), before.size());
}

}  // namespace
}  // namespace eventstore::storage
