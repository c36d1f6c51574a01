// Chunks that TimescaleDB's Community edition has compressed are read, archived, dropped and brought back as others are.
// Debian ships the Apache edition, which refuses to compress; EVENTSTORE_PG_BIN names the programs of another PostgreSQL.
#include "server/housekeeping/tasks/compression.h"
#include "server/storage/engines/timescale_policies.h"
#include "server/storage/store_identity.h"
#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using ::testing::HasSubstr;

constexpr int kCompressAfterDays = 1;

class CompressedTest : public RetentionTest {
 protected:
  void SetUp() override {
    auto identity = storage::EnsureIdentity(housekeeper_, chunks_of_it_);
    ASSERT_THAT(identity, IsOk());
    edition_ = identity->edition;
    partitions_ = storage::PartitionsOf(identity->engine, edition_);
    if (!partitions_->compresses()) {
      GTEST_SKIP() << "this TimescaleDB is the Apache edition, which cannot compress: not tried are reads, archive and "
                      "restore of compressed chunks, and a job of TimescaleDB's that does not work. EVENTSTORE_PG_BIN "
                      "names a PostgreSQL with the Community edition";
    }
    Past(6, 30).Insert(database_);
    Close();
  }

  Report Compress() {
    housekeeping::Compression task(*partitions_, edition_, kCompressAfterDays);
    const domain::SystemClock clock;
    housekeeping::TaskContext context{housekeeper_, clock, {}, [](const auto&) {}, [] { return false; }};
    return task.Run(context);
  }

  storage::Session housekeeper_{database_.conninfo(), "housekeeper"};
  storage::ChunkCatalog chunks_of_it_;
  std::string edition_;
  std::unique_ptr<storage::Partitions> partitions_;
};

TEST_F(CompressedTest, CompressedChunksAreAsOthers) {
  const std::string everything = Everything();
  const Numbers before = Read(*Aggregate(0));
  const Numbers of_user = Read(*User(1));

  auto report = Compress();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_compressed"], 5) << report->summary;
  auto listed = partitions_->List(housekeeper_);
  ASSERT_THAT(listed, IsOk());
  EXPECT_EQ(std::ranges::count_if(*listed, [](const auto& partition) { return partition.compressed; }), 5);

  EXPECT_EQ(Everything(), everything);
  EXPECT_EQ(Read(*Aggregate(0)), before);
  EXPECT_EQ(Read(*User(1)), of_user);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 180);
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(History::AggregateId(0), VersionCheck::Exact(60), {Event(1)})), IsOk());

  const std::string with_the_new_one = Everything();
  auto dropped = Run(Options(2));
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(dropped->counts["partitions_dropped"], 4) << dropped->summary;
  EXPECT_EQ(ExpectArchiveWhole(), 120);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 61);
  ASSERT_THAT(Restore({}), IsOk());
  EXPECT_EQ(Everything(), with_the_new_one);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 181);
}

TEST_F(CompressedTest, AJobOfTimescaleThatDoesNotWorkIsDoneByTheHousekeeper) {
  ASSERT_THAT(storage::EnableCompression(housekeeper_), IsOk());
  const std::string job = Text("SELECT add_compression_policy('events_v2', interval '1 day')");
  auto report = Compress();
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->skipped) << report->summary;
  EXPECT_THAT(report->summary, HasSubstr("own job " + job + " does it"));

  database_.Execute("SELECT alter_job(" + job + ", scheduled => false)");
  report = Compress();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->counts["partitions_compressed"], 5) << report->summary;
  EXPECT_THAT(report->summary, HasSubstr("own job " + job + " does not (it is switched off)"));
}

}  // namespace
}  // namespace eventstore::testing
