// Reads in pages: complete, in order, each page bounded, wherever the chunks begin and end.
#include "server/storage/cursor.h"

#include <string>
#include <utility>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Direction;
using ::testing::IsEmpty;

constexpr auto kForward = Direction::kForward;
constexpr auto kBackward = Direction::kBackward;

TEST_F(CursorTest, EveryReadGivesAllItsEventsInOrder) {
  const History history{.days = 5, .events_a_day = 500};
  history.Insert(database_);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2'500);
  int pages = 0;
  EXPECT_EQ(Read(*All(), &pages), Every(1, 2'500, 1));
  EXPECT_GE(pages, 3);
  EXPECT_EQ(Read(*All(kBackward)), Every(2'500, 1, -1));
  for (int a = 0; a < 3; ++a) {
    EXPECT_EQ(Read(*Aggregate(a)), Every(a + 1, 2'500, 3));
    EXPECT_EQ(Read(*Aggregate(a, kBackward)), Every((history.LastVersion(a) - 1) * 3 + a + 1, 1, -3));
  }
  for (int u = 0; u < 2; ++u) {
    EXPECT_EQ(Read(*User(u), &pages), Every(u + 1, 2'500, 2));
    EXPECT_GE(pages, 2);
    EXPECT_EQ(Read(*User(u, kBackward)), Every(2'499 + u, 1, -2));
  }
  for (int c = 0; c < 5; ++c) EXPECT_EQ(Read(*Correlated(c)), Every(c + 1, 2'500, 5));
}

TEST_F(CursorTest, NothingIsReadWhereNothingIs) {
  EXPECT_THAT(Read(*All()), IsEmpty());
  EXPECT_THAT(Read(*All(kBackward)), IsEmpty());
  EXPECT_THAT(Read(*Aggregate(0)), IsEmpty());
  EXPECT_THAT(Read(*User(0)), IsEmpty());
  EXPECT_THAT(Read(*Correlated(0)), IsEmpty());
  History{.days = 2, .events_a_day = 10}.Insert(database_);
  EXPECT_THAT(Read(*Aggregate(7)), IsEmpty());
  EXPECT_THAT(Read(*User(7)), IsEmpty());
  EXPECT_THAT(Read(*Correlated(7)), IsEmpty());
  EXPECT_THAT(Read(*All(kForward, domain::kNoLimit, 20)), IsEmpty());
  EXPECT_THAT(Read(*All(kBackward, domain::kNoLimit, 1)), IsEmpty());
}

TEST_F(CursorTest, AReadEndsAtItsLimitAndGoesOnFromThere) {
  const History history{.days = 4, .events_a_day = 300};
  history.Insert(database_);
  // Sizes around a first page of 128, a full one of 1 000, and a day.
  for (const int limit : {1, 127, 128, 129, 299, 300, 301, 999, 1'000, 1'001, 1'200, 1'201}) {
    SCOPED_TRACE(limit);
    EXPECT_EQ(Read(*All(kForward, limit)), Every(1, std::min(limit, 1'200), 1));
    EXPECT_EQ(Read(*All(kBackward, limit)), Every(1'200, std::max(1, 1'201 - limit), -1));
    EXPECT_EQ(Read(*Aggregate(0, kForward, limit)), Every(1, std::min(1'198, 3 * limit - 2), 3));
    EXPECT_EQ(Read(*User(1, kBackward, limit)), Every(1'200, std::max(2, 1'202 - 2 * limit), -2));
    Numbers in_parts;
    for (domain::Position from = 0;;) {
      const Numbers part = Read(*All(kForward, limit, from));
      if (part.empty()) break;
      in_parts.insert(in_parts.end(), part.begin(), part.end());
      from = part.back();
      if (limit == 1 && from == 400) break;
    }
    EXPECT_EQ(in_parts, Every(1, limit == 1 ? 400 : 1'200, 1));
  }
}

TEST_F(CursorTest, APageOfLargeEventsEndsAtItsBytes) {
  // 300 kB each, so a page of 1 MiB holds four at most; Read() checks that.
  const History history{
      .days = 3, .events_a_day = 10, .aggregates = 1, .users = 1, .correlations = 1, .data_bytes = 300'000};
  history.Insert(database_);
  for (const auto& cursor : {All(), Aggregate(0), User(0), Correlated(0)}) {
    int pages = 0;
    EXPECT_EQ(Read(*cursor, &pages), Every(1, 30, 1));
    EXPECT_GE(pages, 8);
  }
  for (const auto& cursor : {All(kBackward), Aggregate(0, kBackward), User(0, kBackward)}) {
    EXPECT_EQ(Read(*cursor), Every(30, 1, -1));
  }
}

TEST_F(CursorTest, AnEventLargerThanAPageIsAPageOfItsOwn) {
  const History history{
      .days = 2, .events_a_day = 2, .aggregates = 1, .users = 1, .correlations = 1, .data_bytes = 2 << 20};
  history.Insert(database_);
  for (const auto& cursor : {All(), Aggregate(0), User(0), Correlated(0)}) {
    int pages = 0;
    EXPECT_EQ(Read(*cursor, &pages), Every(1, 4, 1));
    EXPECT_GE(pages, 4);
  }
}

TEST_F(CursorTest, LargeEventsAmongSmallOnesAreReadInTheirPlace) {
  // Small ones are read without adding up their sizes, up to the first that is not: 8 kB, which is where that ends, or
  // 9 kB now and then, a run of 300 kB each, and one that is first and one that is last.
  const History history{.days = 2, .events_a_day = 600, .aggregates = 1, .users = 1, .correlations = 1};
  history.Insert(database_);
  database_.Execute(R"sql(
    UPDATE events_v2 SET data = jsonb_build_object('text', repeat('x', CASE
      WHEN global_position BETWEEN 300 AND 330 THEN 300000
      WHEN global_position IN (1, 1200) THEN 100000
      WHEN global_position % 50 = 0 THEN 9000
      ELSE 8100 + (global_position % 100)::integer END))
    WHERE global_position % 50 = 0 OR global_position BETWEEN 300 AND 330 OR global_position IN (1, 1200)
          OR global_position BETWEEN 700 AND 900)sql");
  for (const auto& cursor : {All(), Aggregate(0), User(0), Correlated(0)}) EXPECT_EQ(Read(*cursor), Every(1, 1'200, 1));
  for (const auto& cursor : {All(kBackward), Aggregate(0, kBackward), User(0, kBackward)}) {
    EXPECT_EQ(Read(*cursor), Every(1'200, 1, -1));
  }
}

TEST_F(CursorTest, LargeEventsAmongSmallOnesOfSeveralChunksAreReadInTheirPlace) {
  // One event a day and aggregate, so that many chunks are asked at once: some are too large for that, and a page ends
  // after ten of 100 kB.
  const History history{.days = 60, .events_a_day = 2, .aggregates = 2, .users = 2};
  history.Insert(database_);
  database_.Execute(R"sql(
    UPDATE events_v2 SET data = jsonb_build_object('text', repeat('x', CASE
      WHEN global_position BETWEEN 21 AND 40 THEN 400000
      WHEN global_position IN (1, 2, 119, 120) OR global_position % 14 = 1 THEN 9000
      ELSE 100000 END))
    WHERE global_position BETWEEN 21 AND 40 OR global_position IN (1, 2, 119, 120) OR global_position % 14 = 1
          OR global_position > 70)sql");
  storage::ChunkCloser closer(database_.conninfo());
  ASSERT_THAT(closer.Step({}), IsOk());
  for (const auto max : {domain::kNoLimit, std::int64_t{7}, std::int64_t{23}}) {
    const auto count = static_cast<int>(std::min<std::int64_t>(max, 60));
    for (const auto& cursor :
         {Aggregate(0, domain::Direction::kForward, max), User(0, domain::Direction::kForward, max)}) {
      EXPECT_EQ(Read(*cursor), Every(1, 2 * count - 1, 2));
    }
    for (const auto& cursor : {Aggregate(1, kBackward, max), User(1, kBackward, max)}) {
      EXPECT_EQ(Read(*cursor), Every(120, 122 - 2 * count, -2));
    }
  }
}

TEST_F(CursorTest, ChunkBoundariesBelongToTheLaterChunk) {
  // Four events a day: at 00:00, 06:00, 12:00, 18:00. Number 5 is the first of day 1.
  const History history{.days = 3, .events_a_day = 4, .aggregates = 1, .users = 1, .correlations = 1};
  history.Insert(database_);
  const auto user_between = [&](domain::TimeMicros from, domain::TimeMicros to) {
    domain::UserQuery query;
    query.user_id = History::User(0);
    query.range = {from, to};
    storage::UserCursor cursor(query, chunks_);
    return Read(cursor);
  };
  const auto correlated_between = [&](domain::TimeMicros from, domain::TimeMicros to) {
    storage::PositionCursor cursor(domain::CorrelationQuery{History::CorrelationId(0), {from, to}, {}}, chunks_);
    return Read(cursor);
  };
  const auto count_between = [&](domain::TimeMicros from, domain::TimeMicros to) {
    domain::CountQuery query;
    query.range = {from, to};
    auto counted = storage::CountEvents(session_, chunks_, query);
    EXPECT_THAT(counted, IsOk());
    return counted.ok() ? counted->count : -1;
  };
  const domain::TimeMicros day1 = history.TimeOf(5);
  const domain::TimeMicros day2 = history.TimeOf(9);
  struct Case {
    domain::TimeMicros from, to;
    Numbers expected;
  };
  for (const Case& one : std::vector<Case>{{day1, day2, {5, 6, 7, 8}},
                                           {day1 - 1, day2 + 1, {5, 6, 7, 8, 9}},
                                           {day1 + 1, day2, {6, 7, 8}},
                                           {day1, day1 + 1, {5}},
                                           {day1, day1, {}},
                                           {day1 - 1, day1, {}},
                                           {domain::kMinTime, day1, {1, 2, 3, 4}},
                                           {day2, domain::TimeRange().to, {9, 10, 11, 12}},
                                           {domain::kMinTime, history.start, {}}}) {
    SCOPED_TRACE(one.from - history.start);
    EXPECT_EQ(user_between(one.from, one.to), one.expected);
    EXPECT_EQ(correlated_between(one.from, one.to), one.expected);
    EXPECT_EQ(count_between(one.from, one.to), static_cast<std::int64_t>(one.expected.size()));
  }
}

TEST_F(CursorTest, VersionsFromToAndAsOf) {
  const History history{.days = 3, .events_a_day = 4, .aggregates = 1};
  history.Insert(database_);
  const auto read = [&](domain::Version from, domain::Version to, std::optional<domain::TimeMicros> as_of,
                        Direction direction = kForward) {
    domain::AggregateQuery query{.aggregate_id = History::AggregateId(0),
                                 .from_version = from,
                                 .to_version = to,
                                 .as_of = as_of,
                                 .direction = direction};
    storage::AggregateCursor cursor(query, chunks_);
    const Numbers numbers = Read(cursor);
    EXPECT_EQ(cursor.current_version(), 12);
    EXPECT_EQ(cursor.first_available_version(), 1);
    return numbers;
  };
  EXPECT_EQ(read(4, 5, {}), (Numbers{4, 5}));
  EXPECT_EQ(read(5, 4, {}), Numbers{});
  EXPECT_EQ(read(9, 900, {}), Every(9, 12, 1));
  EXPECT_EQ(read(13, 900, {}), Numbers{});
  EXPECT_EQ(read(4, 9, {}, kBackward), Every(9, 4, -1));
  // Inclusive, to the microsecond.
  EXPECT_EQ(read(1, 900, history.TimeOf(5)), Every(1, 5, 1));
  EXPECT_EQ(read(1, 900, history.TimeOf(5) - 1), Every(1, 4, 1));
  EXPECT_EQ(read(1, 900, history.TimeOf(5), kBackward), Every(5, 1, -1));
  EXPECT_EQ(read(1, 900, history.start - 1), Numbers{});
  EXPECT_EQ(read(1, 900, domain::kMaxTime), Every(1, 12, 1));
  EXPECT_EQ(read(3, 900, history.TimeOf(6)), Every(3, 6, 1));
}

TEST_F(CursorTest, ChunksThatOverlapInPositionsAreMerged) {
  // The clock jumped back and forth: neighbouring positions lie in different chunks, in no order of their own.
  const History history{.days = 6, .events_a_day = 400, .aggregates = 1, .correlations = 1, .data_bytes = 2'000};
  history.Insert(database_);
  // Position p of 1 to 2400, from the day it was recorded on: a permutation, since 7 has no factor in common with 2400.
  database_.Execute("UPDATE events_v2 SET global_position = global_position * 7 % 2400 + 1");
  int pages = 0;
  EXPECT_EQ(Read(*All(), &pages), Every(1, 2'400, 1));
  EXPECT_GE(pages, 4);
  EXPECT_EQ(Read(*All(kBackward)), Every(2'400, 1, -1));
  EXPECT_EQ(Read(*Correlated(0)), Every(1, 2'400, 1));
  Numbers in_parts;
  for (domain::Position from = 0; from < 2'400; from = in_parts.back()) {
    const Numbers part = Read(*All(kForward, 171, from));
    ASSERT_FALSE(part.empty());
    in_parts.insert(in_parts.end(), part.begin(), part.end());
  }
  EXPECT_EQ(in_parts, Every(1, 2'400, 1));
  // Two chunks that overlap only at one end.
  database_.Execute(
      "UPDATE events_v2 SET global_position = extract(epoch FROM timestamp - '2020-01-01')::bigint % 90000 * 50 "
      "+ extract(epoch FROM timestamp - '2020-01-01')::bigint / 90000 + 1");
  Numbers expected;
  for (const auto& row : database_.Execute("SELECT global_position FROM events_v2 ORDER BY 1")) {
    expected.push_back(row[0].as<std::int64_t>());
  }
  EXPECT_EQ(Read(*All()), expected);
}

TEST_F(CursorTest, AFilterLeavesOutWhatItNames) {
  const History history{.days = 4, .events_a_day = 500, .users = 50};
  history.Insert(database_);
  domain::ReadAllQuery query;
  query.filter.event_types = {History::Type(1), "never"};
  query.filter.user_ids = {History::User(1), History::User(5)};
  storage::PositionCursor cursor(query, chunks_);
  Numbers expected;
  for (std::int64_t n = 1; n <= 2'000; ++n) {
    if ((n - 1) % 4 == 1 && ((n - 1) % 50 == 1 || (n - 1) % 50 == 5)) expected.push_back(n);
  }
  EXPECT_EQ(Read(cursor), expected);
  query.filter.sources = {"sync"};
  storage::PositionCursor none(query, chunks_);
  EXPECT_THAT(Read(none), IsEmpty());
}

TEST_F(CursorTest, EqualTimesAreReadOnceEach) {
  // A whole batch has one timestamp; a page may end in the middle of it.
  const History history{.days = 2, .events_a_day = 600, .users = 1};
  history.Insert(database_);
  database_.Execute("UPDATE events_v2 SET timestamp = date_trunc('day', timestamp) + interval '1 hour'");
  EXPECT_EQ(Read(*User(0)), Every(1, 1'200, 1));
  EXPECT_EQ(Read(*User(0, kBackward)), Every(1'200, 1, -1));
}

}  // namespace
}  // namespace eventstore::testing
