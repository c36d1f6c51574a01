// Partitions without an extension: made ahead, in time, beside others, and known to every reader at once.
#include "server/storage/engines/native_partitions.h"

#include <atomic>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/storage/sql_errors.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/held_lanes.h"
#include "tests/integration/store/instance.h"
#include "tests/integration/store/verified.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::kMicrosPerDay;
using domain::VersionCheck;
using storage::Partition;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NativePartitionsTest : public ::testing::Test {
 protected:
  NativePartitionsTest() {
    today_ = Number("SELECT floor(extract(epoch FROM now()) / 86400)::bigint") * kMicrosPerDay;
    Execute("SET client_min_messages = warning");
  }

  void Execute(const std::string& sql) { EXPECT_THAT(session_.RunScript(sql), IsOk()) << sql; }
  std::int64_t Number(const std::string& sql) {
    auto rows = session_.RunScript(sql);
    EXPECT_THAT(rows, IsOk()) << sql;
    return rows.ok() ? (*rows)[0][0].as<std::int64_t>() : -1;
  }
  domain::TimeRange Day(int days) const { return {today_ + days * kMicrosPerDay, today_ + (days + 1) * kMicrosPerDay}; }
  std::string TableOf(int days) {
    auto listed = partitions_.List(session_);
    EXPECT_THAT(listed, IsOk());
    for (const Partition& one : *listed) {
      if (one.range.from == Day(days).from) return one.table;
    }
    return "";
  }
  // Today's and its neighbours, so that midnight may pass.
  void DropToday() {
    for (int day = -1; day <= 1; ++day) {
      if (const auto table = TableOf(day); !table.empty()) Execute("DROP TABLE " + table);
    }
  }
  std::size_t Events() {
    auto events = ReadAllAfter(0, reader_, chunks_);
    EXPECT_THAT(events, IsOk());
    return events.ok() ? events->size() : 0;
  }

  TestDatabase database_;
  storage::Session session_{database_.conninfo(), "test"};
  storage::Session reader_{database_.conninfo(), "reader", storage::SessionKind::kReader};
  storage::ChunkCatalog chunks_;
  const storage::NativePartitions partitions_;
  domain::TimeMicros today_ = 0;
};

TEST_F(NativePartitionsTest, APartitionIsLikeTheWholeTable) {
  auto listed = partitions_.List(session_);
  ASSERT_THAT(listed, IsOk());
  const std::string& table = listed->front().table;
  EXPECT_EQ(listed->front().range.to - listed->front().range.from, kMicrosPerDay);
  EXPECT_EQ(Number("SELECT count(*) FROM events_v2_partitions WHERE name = 'public.events_v2_p' || to_char(now(), "
                   "'YYYYMMDD')"),
            1);
  // As many indexes as the whole table has, and no check that each insert would pay for.
  EXPECT_EQ(Number("SELECT count(*) FROM pg_index WHERE indrelid = '" + table + "'::regclass"), 8);
  EXPECT_EQ(Number("SELECT count(*) FROM pg_constraint WHERE conrelid = '" + table + "'::regclass AND contype = 'c'"),
            0);
}

TEST_F(NativePartitionsTest, EnsureFillsWhatIsMissingAroundWhatSomebodyMade) {
  // Half a day, by hand.
  Execute(fmt::format(
      "CREATE TABLE by_hand PARTITION OF events_v2 FOR VALUES FROM (to_timestamp({})) TO (to_timestamp({}))",
      (Day(40).from + kMicrosPerDay / 4) / domain::kMicrosPerSecond,
      (Day(40).from + kMicrosPerDay * 3 / 4) / domain::kMicrosPerSecond));
  auto made = partitions_.Ensure(session_, {Day(39).from, Day(41).to});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(*made, 4);
  auto listed = partitions_.List(session_);
  ASSERT_THAT(listed, IsOk());
  domain::TimeMicros until = Day(39).from;
  for (const Partition& one : *listed) {
    if (one.range.from < Day(39).from) continue;
    EXPECT_EQ(one.range.from, until);
    until = one.range.to;
  }
  EXPECT_EQ(until, Day(41).to);
  EXPECT_THAT(partitions_.Ensure(session_, {}), HasReason(domain::Reason::kInvalidRequest));
}

TEST_F(NativePartitionsTest, ATableThatWasDetachedIsLeftAlone) {
  const std::string table = TableOf(5);
  Execute("ALTER TABLE events_v2 DETACH PARTITION " + table);
  auto made = partitions_.Ensure(session_, Day(5));
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(*made, 1);
  EXPECT_EQ(TableOf(5), table + "_2");
  EXPECT_EQ(Number("SELECT count(*) FROM " + table), 0);
}

TEST_F(NativePartitionsTest, SeveralMakingTheSameMakeItOnce) {
  constexpr int kMakers = 4;
  std::atomic<int> made = 0;
  std::vector<std::thread> makers;
  for (int i = 0; i < kMakers; ++i) {
    makers.emplace_back([&] {
      storage::Session session(database_.conninfo(), "maker");
      auto mine = partitions_.Ensure(session, {Day(50).from, Day(59).to});
      EXPECT_THAT(mine, IsOk());
      if (mine.ok()) made += *mine;
    });
  }
  for (auto& maker : makers) maker.join();
  EXPECT_EQ(made, 10);
}

TEST_F(NativePartitionsTest, MakingAndDroppingDoNotWaitForAppendsNorTheyForThem) {
  // An append that is under way, and a reader in the middle of its page.
  storage::Session append(database_.conninfo(), "append");
  ASSERT_THAT(append.RunScript("BEGIN; LOCK TABLE events_v2 IN ROW EXCLUSIVE MODE"), IsOk());
  Execute("SET lock_timeout = '200ms'");
  EXPECT_THAT(partitions_.Ensure(session_, Day(70)), IsOk());
  // Detaching waits for it, without anybody waiting behind.
  Partition old{.table = TableOf(20), .range = Day(20)};
  const absl::Status dropped = partitions_.Drop(session_, old);
  EXPECT_EQ(storage::SqlStateOf(dropped), "55P03") << dropped;
  Instance instance(database_.conninfo());
  EXPECT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  ASSERT_THAT(append.RunScript("COMMIT"), IsOk());
  // It is out of every read already; the next drop sees to the rest.
  EXPECT_EQ(TableOf(20), "");
  EXPECT_THAT(partitions_.Drop(session_, {.table = TableOf(21), .range = Day(21)}), IsOk());
  EXPECT_EQ(Number("SELECT count(*) FROM pg_class WHERE oid IN (to_regclass('" + old.table + "'))"), 0);
}

// A stamp that is older than the making of a partition would hide its events from a reader for ever.
TEST_F(NativePartitionsTest, TheStampIsNeverOlderThanAPartitionThatIsThere) {
  constexpr int kPartitions = 40;
  const auto before = static_cast<int>(Number("SELECT count(*) FROM events_v2_partitions"));
  std::atomic<int> made = 0;
  std::atomic<bool> ended = false;
  std::thread maker([&] {
    storage::Session session(database_.conninfo(), "maker");
    for (int i = 0; i < kPartitions; ++i) {
      EXPECT_THAT(partitions_.Ensure(session, Day(100 + i)), IsOk());
      ++made;
    }
    ended = true;
  });
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&] {
      storage::Session session(database_.conninfo(), "asker");
      while (!ended) {
        const int known = made;
        auto stamp = session.Run({"stamp", "SELECT split_part(events_v2_partition_stamp(), ':', 1)::integer"}, {});
        ASSERT_THAT(stamp, IsOk());
        EXPECT_GE((*stamp)[0][0].as<int>(), before + known);
      }
    });
  }
  maker.join();
  for (auto& asker : askers) asker.join();
}

TEST_F(NativePartitionsTest, TheStampChangesWithADetachAndAnAttachByHand) {
  const auto stamp = [&] {
    auto rows = reader_.Run({"stamp", "SELECT events_v2_partition_stamp()"}, {});
    EXPECT_THAT(rows, IsOk());
    return std::string((*rows)[0][0].c_str());
  };
  const std::string first = stamp();
  EXPECT_EQ(stamp(), first);
  const std::string table = TableOf(9);
  Execute("ALTER TABLE events_v2 DETACH PARTITION " + table);
  const std::string second = stamp();
  EXPECT_NE(second, first);
  Execute(
      fmt::format("ALTER TABLE events_v2 ATTACH PARTITION {} FOR VALUES FROM (to_timestamp({})) TO (to_timestamp({}))",
                  table, Day(300).from / domain::kMicrosPerSecond, Day(300).to / domain::kMicrosPerSecond));
  EXPECT_NE(stamp(), second);
  EXPECT_NE(stamp(), first) << "the same table, for another time";
}

TEST_F(NativePartitionsTest, AnAppendThatFindsNoPartitionMakesIt) {
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  EXPECT_EQ(instance.appender().partitions_repaired(), 0U);
  EXPECT_EQ(Events(), 1U);
  DropToday();
  const auto batch = One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)});
  const auto answer = instance.Append(batch);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->front().version, 2);
  EXPECT_GE(instance.appender().partitions_repaired(), 3U);
  // Yesterday's, today's and tomorrow's are there again; a reader with a list from before finds it.
  EXPECT_NE(TableOf(-1), "");
  EXPECT_NE(TableOf(1), "");
  EXPECT_EQ(Events(), 1U);
  // So does the lookup of ids.
  const auto again = instance.Append(batch);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->front().events, answer->front().events);
}

TEST_F(NativePartitionsTest, TwoServersThatFindNoPartitionBothSucceed) {
  for (int round = 0; round < 5; ++round) {
    Instance one(database_.conninfo());
    Instance two(database_.conninfo());
    ASSERT_THAT(one.Append(One(Id(1'000 + 10 * round), VersionCheck::Exact(0), {Event(1'000 + 10 * round)})), IsOk());
    ASSERT_THAT(two.Append(One(Id(1'001 + 10 * round), VersionCheck::Exact(0), {Event(1'001 + 10 * round)})), IsOk());
    DropToday();
    std::vector<std::future<AppendAnswer>> answers;
    for (int i = 0; i < 20; ++i) {
      const auto n = static_cast<std::uint64_t>(10'000 + 100 * round + i);
      answers.push_back((i % 2 == 0 ? one : two).Start(One(Id(n), VersionCheck::Exact(0), {Event(n)})));
    }
    for (auto& answer : answers) EXPECT_THAT(answer.get(), IsOk());
    EXPECT_GE(one.appender().partitions_repaired() + two.appender().partitions_repaired(), 3U);
    EXPECT_EQ(Events(), 20U);
  }
}

TEST_F(NativePartitionsTest, WhoMayNotMakeThemIsToldWhatIsMissing) {
  DropToday();
  // Somebody holds the lock that making takes, for longer than an append waits for it.
  storage::Session other(database_.conninfo(), "other");
  ASSERT_THAT(other.RunScript("BEGIN; LOCK TABLE ONLY events_v2 IN SHARE UPDATE EXCLUSIVE MODE"), IsOk());
  Instance instance(database_.conninfo());
  EXPECT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})),
              ::testing::AllOf(HasReason(domain::Reason::kDatabaseUnavailable), HasMessage(HasSubstr("lock"))));
  ASSERT_THAT(other.RunScript("ROLLBACK"), IsOk());
  EXPECT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
}

// The clock jumps ahead and back: the aggregate's head says tomorrow, and so do the events after it.
TEST_F(NativePartitionsTest, EventsOfTomorrowAreReadToday) {
  Instance instance(database_.conninfo());
  ASSERT_THAT(instance.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})), IsOk());
  EXPECT_EQ(Events(), 1U);  // with a list of chunks that ends today
  for (const int days : {2, 45}) {
    // The second one is further than there are partitions.
    Execute(fmt::format("UPDATE aggregate_heads SET last_timestamp = last_timestamp + interval '{} days'", days));
    const auto n = static_cast<std::uint64_t>(10 + days);
    const auto batch = One(AggregateIn(0), VersionCheck::Any(), {Event(n)});
    const auto answer = instance.Append(batch);
    ASSERT_THAT(answer, IsOk());
    EXPECT_GT(answer->front().events[0].timestamp, today_ + days * kMicrosPerDay);
    auto read = ReadAggregate(AggregateIn(0), reader_, chunks_);
    ASSERT_THAT(read, IsOk());
    EXPECT_EQ(read->back().id, Id(n));
    // A repeat finds it there, on this instance and on one that has just begun.
    Instance fresh(database_.conninfo());
    for (Instance* one : {&instance, &fresh}) {
      const auto again = one->Append(batch);
      ASSERT_THAT(again, IsOk());
      EXPECT_EQ(again->front().events, answer->front().events);
    }
  }
  EXPECT_EQ(Events(), 3U);
}

TEST_F(NativePartitionsTest, PartitionsMadeAheadAreNotOpened) {
  auto chunks = chunks_.All(reader_);
  ASSERT_THAT(chunks, IsOk());
  for (const storage::Chunk& chunk : **chunks) EXPECT_LE(chunk.range.from, today_ + kMicrosPerDay);
  EXPECT_THAT(**chunks, SizeIs(::testing::Le(3)));
}

TEST_F(NativePartitionsTest, ADefaultPartitionIsRefusedWithWhatToDo) {
  Execute("CREATE TABLE rest PARTITION OF events_v2 DEFAULT");
  EXPECT_THAT(chunks_.All(reader_), ::testing::AllOf(HasReason(domain::Reason::kStoreIncompatible),
                                                     HasMessage(HasSubstr("DETACH PARTITION"))));
  EXPECT_THAT(partitions_.List(session_), HasReason(domain::Reason::kStoreIncompatible));
}

}  // namespace
}  // namespace eventstore::testing
