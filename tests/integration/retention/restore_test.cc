// What was dropped comes back as it was.
#include <fstream>

#include "tests/integration/retention/retention_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using ::testing::HasSubstr;

class RestoreTest : public RetentionTest {
 protected:
  RestoreTest() {
    history_.Insert(database_);
    Close();
    before_ = Everything();
    heads_ = Heads();
    EXPECT_THAT(Run(Options(2)), IsOk());
    EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 60);
  }

  std::string Heads() const {
    return Text("SELECT md5(string_agg(h::text, ',' ORDER BY aggregate_id)) FROM aggregate_heads h");
  }
  // From the start of a day (from 0) on.
  domain::TimeRange From(int day) const { return {history_.start + day * domain::kMicrosPerDay, domain::kMaxTime}; }

  const History history_ = Past(6, 30);
  std::string before_;
  std::string heads_;
};

TEST_F(RestoreTest, BringsEverythingBackAsItWas) {
  auto restored = Restore({});
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->size(), 4U);
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(Heads(), heads_);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 180);
  EXPECT_EQ(Number("SELECT count(*) FROM closed_chunks"), 6);
  EXPECT_EQ(Number("SELECT count(*) FROM archived_chunks WHERE gone"), 0);
  storage::AggregateCursor cursor(Stream(0), chunks_);
  EXPECT_EQ(Read(cursor).size(), 60U);
  EXPECT_EQ(cursor.first_available_version(), 1);
  EXPECT_EQ(Read(*All()), Every(1, 180, 1));
  EXPECT_EQ(Read(*User(1)), Every(2, 180, 2));
  EXPECT_EQ(Read(*Correlated(0)), Every(1, 180, 5));
}

TEST_F(RestoreTest, AgainDoesNothing) {
  ASSERT_THAT(Restore({}), IsOk());
  auto again = Restore({});
  EXPECT_THAT(again, HasReason(Reason::kInvalidRequest));
  EXPECT_THAT(again.status().message(), HasSubstr("nothing of this time is gone"));
  // By name it is looked at, and found to be there.
  auto by_name = Restore({.files = {Files().front().file}});
  ASSERT_THAT(by_name, IsOk());
  ASSERT_EQ(by_name->size(), 1U);
  EXPECT_EQ(by_name->front().events, 30);
  EXPECT_EQ(by_name->front().inserted, 0);
  EXPECT_EQ(Everything(), before_);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 180);
}

TEST_F(RestoreTest, APartThatReachesToThePresentComesBackAlone) {
  auto restored = Restore({.range = From(2)});
  ASSERT_THAT(restored, IsOk());
  EXPECT_EQ(restored->size(), 2U);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 120);
  storage::AggregateCursor cursor(Stream(0), chunks_);
  EXPECT_EQ(Read(cursor).size(), 40U);
  EXPECT_EQ(cursor.first_available_version(), 21);
  // And the rest later.
  ASSERT_THAT(Restore({}), IsOk());
  EXPECT_EQ(Everything(), before_);
}

TEST_F(RestoreTest, AGapIsRefused) {
  auto refused = Restore({.range = {From(1).from, From(2).from}});
  EXPECT_THAT(refused, HasReason(Reason::kInvalidRequest));
  EXPECT_THAT(refused.status().message(), HasSubstr("gap"));
  refused = Restore({.files = {Files().front().file}});
  EXPECT_THAT(refused, HasReason(Reason::kInvalidRequest));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 60);
}

TEST_F(RestoreTest, WhatCameBackIsHeldAndThenGoesFromTheSameFiles) {
  ASSERT_THAT(Restore({}), IsOk());
  auto held = Run(Options(2));
  ASSERT_THAT(held, IsOk());
  EXPECT_EQ(held->counts["partitions_dropped"], 0);
  EXPECT_THAT(held->summary, HasSubstr("held"));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 180);
  database_.Execute("UPDATE archived_chunks SET hold_until = now() - interval '1 minute'");
  auto dropped = Run(Options(2));
  ASSERT_THAT(dropped, IsOk());
  EXPECT_EQ(dropped->counts["partitions_dropped"], 4);
  EXPECT_EQ(dropped->counts["events_archived"], 0);
  EXPECT_EQ(Files().size(), 4U);
  ASSERT_THAT(Restore({}), IsOk());
  EXPECT_EQ(Everything(), before_);
}

TEST_F(RestoreTest, ADamagedFileIsNotRestoredAndNothingBehindIt) {
  const std::string file = archive_dir() + "/" + Files()[1].file;
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(200);
    const char was = static_cast<char>(bytes.get());
    bytes.seekp(200);
    bytes.put(static_cast<char>(was ^ 4));
  }
  auto damaged = Restore({});
  EXPECT_THAT(damaged, HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(damaged.status().message(), HasSubstr(Files()[1].file));
  // The younger two are back, without a gap.
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 120);
}

TEST_F(RestoreTest, AFileThatIsGoneIsNamed) {
  const std::string file = Files().back().file;
  std::filesystem::remove(archive_dir() + "/" + file);
  auto missing = Restore({});
  EXPECT_THAT(missing, HasReason(Reason::kArchiveDamaged));
  EXPECT_THAT(missing.status().message(), HasSubstr(file));
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 60);
}

TEST_F(RestoreTest, FilesOfAnotherStoreAreRefused) {
  database_.Execute("UPDATE store_identity SET store_id = gen_random_uuid()");
  EXPECT_THAT(Restore({.files = {Files().front().file}}), HasReason(Reason::kStoreIncompatible));
}

}  // namespace
}  // namespace eventstore::testing
