// What an import writes, and that it may be repeated.
#include "server/storage/import/importer.h"

#include <string>
#include <vector>

#include "server/domain/error.h"
#include "tests/integration/cursors/cursor_fixture.h"
#include "tests/integration/import/imported.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/held_lanes.h"

namespace eventstore::testing {
namespace {

using domain::ImportedEvent;
using domain::VersionCheck;
using Kind = domain::ImportVerdict::Kind;

class ImporterTest : public CursorTest {
 protected:
  storage::ImportResult Import(const std::vector<ImportedEvent>& events) {
    auto result = importer_.Write(events);
    EXPECT_THAT(result, IsOk());
    return result.ok() ? *std::move(result) : storage::ImportResult{};
  }
  std::int64_t Number(const std::string& sql) { return database_.Execute(sql)[0][0].as<std::int64_t>(); }
  std::string Text(const std::string& sql) { return database_.Execute(sql)[0][0].c_str(); }

  storage::Importer importer_{database_.conninfo(), "import"};
};

TEST_F(ImporterTest, EventsKeepTheirIdsAndTimesAndVersionsFollowTheOrderGiven) {
  const domain::Uuid a = AggregateIn(0);
  const domain::Uuid b = AggregateIn(1);
  const auto result =
      Import({Imported(a, 1, OldTime(10)), Imported(b, 2, OldTime(11)), Imported(a, 3, OldTime(90'000))});
  EXPECT_EQ(result.written, 3);
  EXPECT_EQ(result.clamped, 0);
  const auto read = ReadAggregate(a, session_, chunks_);
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].id, Id(1));
  EXPECT_EQ((*read)[0].timestamp, OldTime(10));
  EXPECT_EQ((*read)[0].source, "migration");
  EXPECT_EQ((*read)[0].user_id, "user-0");
  EXPECT_EQ((*read)[1].timestamp, OldTime(90'000));
  EXPECT_EQ((*read)[1].version, 2);
  // Appends go on from there.
  Instance instance(database_.conninfo());
  EXPECT_THAT(instance.Append(One(a, VersionCheck::Exact(2), {Event(4)})), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(ImporterTest, AnEventBehindItsAggregateIsRaisedAndSaysWhatItsTimeWas) {
  const domain::Uuid a = AggregateIn(0);
  Instance instance(database_.conninfo());
  const auto live = instance.Append(One(a, VersionCheck::Exact(0), {Event(1)}));
  ASSERT_THAT(live, IsOk());
  const auto late = live->front().events.front().timestamp;
  ImportedEvent second = Imported(a, 3, OldTime(5));
  second.event.metadata = R"({"legacy_id": "3"})";
  const auto result = Import({Imported(a, 2, OldTime(4)), second});
  EXPECT_EQ(result.written, 2);
  EXPECT_EQ(result.clamped, 2);
  const auto read = ReadAggregate(a, session_, chunks_);
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[1].timestamp, late);
  EXPECT_EQ((*read)[2].timestamp, late);
  EXPECT_EQ((*read)[1].metadata, R"({"original_timestamp": "2020-01-01T00:00:04.000000Z"})");
  EXPECT_EQ((*read)[2].metadata, R"({"legacy_id": "3", "original_timestamp": "2020-01-01T00:00:05.000000Z"})");
  EXPECT_EQ(Number("SELECT count(*) FROM import_clamped WHERE original_timestamp < '2020-01-02' AND timestamp > now() "
                   "- interval '1 hour'"),
            2);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

TEST_F(ImporterTest, ARepeatWritesNothingAlsoOfWhatWasRaised) {
  const domain::Uuid a = AggregateIn(0);
  const std::vector<ImportedEvent> first{Imported(a, 1, OldTime(100'000)), Imported(a, 2, OldTime(10)),
                                         Imported(AggregateIn(1), 3, OldTime(11))};
  EXPECT_EQ(Import(first).written, 3);
  for (int i = 0; i < 2; ++i) {
    storage::Importer other(database_.conninfo(), "import");
    const auto again = other.Write(first);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->already_there, 3);
    EXPECT_EQ(again->written, 0);
  }
  // One new one among them.
  auto more = first;
  more.push_back(Imported(a, 4, OldTime(12)));
  EXPECT_EQ(Import(more).written, 1);
  EXPECT_EQ(Import(more).already_there, 4);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(ImporterTest, AnIdThatAnotherAggregateHasIsRefusedAloneAndTheOthersAreWritten) {
  ASSERT_EQ(Import({Imported(AggregateIn(0), 1, OldTime(10))}).written, 1);
  // A new aggregate, whose head says nothing: the primary key does.
  const auto result = Import({Imported(AggregateIn(1), 1, OldTime(10)), Imported(AggregateIn(1), 2, OldTime(11))});
  ASSERT_EQ(result.verdicts.size(), 2U);
  EXPECT_EQ(result.verdicts[0].kind, Kind::kIdTaken);
  EXPECT_EQ(result.verdicts[0].other_aggregate, AggregateIn(0));
  EXPECT_EQ(result.verdicts[1].kind, Kind::kWritten);
  EXPECT_EQ(result.verdicts[1].recorded.version, 1);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

TEST_F(ImporterTest, NotesAreWrittenWithTheBatchOrNotAtAll) {
  database_.Execute("CREATE TABLE place (upto bigint PRIMARY KEY)");
  const storage::ImportNote note{{"place", "INSERT INTO place VALUES ($1)"}, storage::Parameters().AddInt8(7)};
  const std::vector<ImportedEvent> events{Imported(AggregateIn(0), 1, OldTime(10))};
  EXPECT_THAT(importer_.Write(events, {&note, 1}), IsOk());
  EXPECT_EQ(Number("SELECT max(upto) FROM place"), 7);
  // The note fails, and with it the batch.
  const std::vector<ImportedEvent> next{Imported(AggregateIn(0), 2, OldTime(20))};
  EXPECT_FALSE(importer_.Write(next, {&note, 1}).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2"), 1);
  // A batch of notes alone.
  const storage::ImportNote other{{"place", "INSERT INTO place VALUES ($1)"}, storage::Parameters().AddInt8(8)};
  EXPECT_THAT(importer_.Write({}, {&other, 1}), IsOk());
  EXPECT_EQ(Number("SELECT max(upto) FROM place"), 8);
}

TEST_F(ImporterTest, ABatchOverTooManyDaysIsRefused) {
  std::vector<ImportedEvent> events;
  for (int day = 0; day < 129; ++day) {
    events.push_back(Imported(AggregateIn(0), static_cast<std::uint64_t>(day + 1), OldTime(day * 86'400)));
  }
  EXPECT_EQ(domain::FromStatus(importer_.Write(events).status()).reason, domain::Reason::kLimitExceeded);
  events.pop_back();
  EXPECT_EQ(Import(events).written, 128);
}

TEST_F(ImporterTest, AnAppendUnderWayIsWaitedForAndItsHeadIsSeen) {
  const domain::Uuid a = AggregateIn(1);
  Instance instance(database_.conninfo());
  ASSERT_EQ(Import({Imported(a, 1, OldTime(10))}).written, 1);
  HeldLanes held(database_.conninfo(), {1});
  auto append = instance.Start(One(a, VersionCheck::Exact(1), {Event(2)}));
  ASSERT_TRUE(held.AwaitWaiters());
  auto import = std::async(std::launch::async, [&] { return Import({Imported(a, 3, OldTime(11))}); });
  ASSERT_TRUE(held.AwaitWaiters(2));
  held.Release();
  EXPECT_THAT(append.get(), IsOk());
  const auto result = import.get();
  ASSERT_EQ(result.verdicts.size(), 1U);
  EXPECT_EQ(result.verdicts[0].recorded.version, 3);
  EXPECT_TRUE(result.verdicts[0].clamped);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 3);
}

}  // namespace
}  // namespace eventstore::testing
