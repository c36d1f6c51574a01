// What the housekeeper sees and does of partitions, on the real engine.
#include "server/storage/partitions.h"
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
  }
};

TEST_F(PartitionsTest, ListsOldestFirstWithSizes) {
  database_.Execute(kTwoDays);
  auto listed = partitions_->List(session_);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ((*listed)[0].range.to, (*listed)[1].range.from);
  EXPECT_GT((*listed)[0].bytes, 0);
  EXPECT_FALSE((*listed)[0].rows_exact);
  EXPECT_FALSE((*listed)[0].compressed);
}

TEST_F(PartitionsTest, DropsOneAndLeavesItsNeighbours) {
  database_.Execute(kTwoDays);
  auto listed = partitions_->List(session_);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 2U);
  ASSERT_THAT(partitions_->Drop(session_, (*listed)[0]), IsOk());
  auto left = partitions_->List(session_);
  ASSERT_THAT(left, IsOk());
  EXPECT_THAT(*left, ElementsAre(Field(&Partition::table, (*listed)[1].table)));
}

}  // namespace
}  // namespace eventstore::storage
