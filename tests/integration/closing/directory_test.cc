// Whatever is closed and whatever is open, every read gives the same.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/storage/chunk_closer.h"
#include "tests/integration/closing/random_history.h"
#include "tests/integration/cursors/cursor_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Direction;
using domain::GroupBy;

class DirectoryTest : public CursorTest, public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  static constexpr int kDays = 40;

  Numbers Where(const std::function<bool(const MadeUpEvent&)>& condition) const {
    Numbers numbers;
    for (const auto& event : history_.events()) {
      if (event.time >= kept_from_ && condition(event)) numbers.push_back(event.position);
    }
    return numbers;
  }
  static Numbers Reversed(Numbers numbers) {
    std::ranges::reverse(numbers);
    return numbers;
  }
  static Numbers First(Numbers numbers, std::size_t count) {
    numbers.resize(std::min(numbers.size(), count));
    return numbers;
  }

  // Records the next `chunks` that are open, oldest first.
  void Close(int chunks) {
    storage::ChunkCloser closer(database_.conninfo(), {.chunks_a_step = chunks});
    const auto step = closer.Step({});
    ASSERT_THAT(step, IsOk());
    EXPECT_TRUE(step->alone);
  }

  void ExpectAllReads() {
    ExpectAggregates();
    ExpectUsers();
    ExpectPositions();
    ExpectCounts();
  }

  void ExpectAggregates() {
    for (int a = 0; a < RandomHistory::kAggregates; ++a) {
      SCOPED_TRACE(a);
      const Numbers all = Where([&](const auto& e) { return e.aggregate == a; });
      const auto last = std::ranges::count_if(history_.events(), [&](const auto& e) { return e.aggregate == a; });
      domain::AggregateQuery query;
      query.aggregate_id = RandomHistory::Aggregate(a);
      const auto read = [&](const Numbers& expected) {
        storage::AggregateCursor cursor(query, chunks_);
        EXPECT_EQ(Read(cursor), expected);
        EXPECT_EQ(cursor.current_version(), last);
        EXPECT_EQ(cursor.first_available_version(),
                  all.empty() ? 0 : last - static_cast<domain::Version>(all.size()) + 1);
      };
      read(all);
      query.max_events = 3;
      read(First(all, 3));
      query.direction = Direction::kBackward;
      read(First(Reversed(all), 3));
      query.max_events = domain::kNoLimit;
      read(Reversed(all));
      query.from_version = static_cast<domain::Version>(last / 3);
      query.to_version = static_cast<domain::Version>(last / 2);
      const Numbers middle = Where([&](const auto& e) {
        return e.aggregate == a && e.version >= query.from_version && e.version <= query.to_version;
      });
      read(Reversed(middle));
      query.direction = Direction::kForward;
      read(middle);
      query.to_version = INT32_MAX;
      query.as_of = RandomHistory::kStart + kDays * domain::kMicrosPerDay / 2 + 12'345;
      const Numbers until = Where(
          [&](const auto& e) { return e.aggregate == a && e.version >= query.from_version && e.time <= *query.as_of; });
      read(until);
      query.direction = Direction::kBackward;
      read(Reversed(until));
    }
  }

  void ExpectUsers() {
    for (int u = 0; u <= RandomHistory::kUsers; ++u) {
      SCOPED_TRACE(u);
      domain::UserQuery query;
      query.user_id = RandomHistory::User(u);
      const auto read = [&](Numbers expected) {
        if (query.direction == Direction::kBackward) expected = Reversed(std::move(expected));
        if (query.max_events != domain::kNoLimit)
          expected = First(expected, static_cast<std::size_t>(query.max_events));
        storage::UserCursor cursor(query, chunks_);
        EXPECT_EQ(Read(cursor), expected);
      };
      for (const auto direction : {Direction::kForward, Direction::kBackward}) {
        query.direction = direction;
        for (const std::int64_t most : {std::int64_t{1}, std::int64_t{7}, domain::kNoLimit}) {
          query.max_events = most;
          query.range = {};
          query.event_types.clear();
          read(Where([&](const auto& e) { return e.user == u; }));
          query.range = Middle();
          read(Where([&](const auto& e) { return e.user == u && Middle().Contains(e.time); }));
          query.event_types = {RandomHistory::Type(2)};
          read(Where([&](const auto& e) { return e.user == u && e.type == 2 && Middle().Contains(e.time); }));
          query.event_type_prefixes = {RandomHistory::Type(0)};
          read(Where(
              [&](const auto& e) { return e.user == u && (e.type == 0 || e.type == 2) && Middle().Contains(e.time); }));
          query.event_type_prefixes.clear();
        }
      }
    }
  }

  void ExpectPositions() {
    for (int c = 0; c <= RandomHistory::kCorrelations; ++c) {
      SCOPED_TRACE(c);
      domain::CorrelationQuery query{RandomHistory::Correlation(c), {}, {}};
      storage::PositionCursor whole(query, chunks_);
      EXPECT_EQ(Read(whole), Where([&](const auto& e) { return e.correlation == c; }));
      query.range = Middle();
      storage::PositionCursor part(query, chunks_);
      EXPECT_EQ(Read(part), Where([&](const auto& e) { return e.correlation == c && Middle().Contains(e.time); }));
      query.filter.user_ids = {RandomHistory::User(1)};
      query.filter.event_types = {RandomHistory::Type(0)};
      query.filter.event_type_prefixes = {RandomHistory::Type(2)};
      storage::PositionCursor narrowed(query, chunks_);
      EXPECT_EQ(Read(narrowed), Where([&](const auto& e) {
                  return e.correlation == c && Middle().Contains(e.time) && e.user == 1 && (e.type == 0 || e.type == 2);
                }));
    }
    const Numbers all = Where([](const auto&) { return true; });
    EXPECT_EQ(Read(*All()), all);
    EXPECT_EQ(Read(*All(Direction::kBackward)), Reversed(all));
    ASSERT_FALSE(all.empty());
    const std::int64_t middle = all[all.size() / 2];
    EXPECT_EQ(Read(*All(Direction::kForward, 10, middle)),
              First(Numbers(all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2) + 1, all.end()), 10));
    EXPECT_EQ(Read(*All(Direction::kBackward, 10, middle)),
              First(Reversed(Numbers(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2))), 10));
    domain::ReadAllQuery query;
    query.filter.user_ids = {RandomHistory::User(0), RandomHistory::User(3)};
    storage::PositionCursor users(query, chunks_);
    EXPECT_EQ(Read(users), Where([](const auto& e) { return e.user == 0 || e.user == 3; }));
    query.filter.user_ids.clear();
    query.filter.event_types = {RandomHistory::Type(1)};
    storage::PositionCursor types(query, chunks_);
    EXPECT_EQ(Read(types), Where([](const auto& e) { return e.type == 1; }));
  }

  void ExpectCounts() {
    using Event = MadeUpEvent;
    const auto expect = [&](const domain::CountQuery& query, const std::function<bool(const Event&)>& condition,
                            const std::function<std::string(const Event&)>& key) {
      auto counted = storage::CountEvents(session_, chunks_, query);
      ASSERT_THAT(counted, IsOk());
      std::map<std::string, std::int64_t> groups;
      std::int64_t count = 0;
      for (const Event& event : history_.events()) {
        if (event.time < kept_from_ || !query.range.Contains(event.time) || !condition(event)) continue;
        ++count;
        if (key) ++groups[key(event)];
      }
      EXPECT_EQ(counted->count, count);
      EXPECT_EQ(counted->groups, (std::vector<std::pair<std::string, std::int64_t>>(groups.begin(), groups.end())));
    };
    const auto type = [](const Event& e) { return RandomHistory::Type(e.type); };
    const auto user = [](const Event& e) { return e.user < 0 ? std::string() : RandomHistory::User(e.user); };
    for (const domain::TimeRange& range : {domain::TimeRange{}, Middle()}) {
      domain::CountQuery query;
      query.range = range;
      expect(query, [](const Event&) { return true; }, {});
      query.group_by = GroupBy::kEventType;
      expect(query, [](const Event&) { return true; }, type);
      query.group_by = GroupBy::kUser;
      expect(query, [](const Event&) { return true; }, user);
      query.filter.user_ids = {RandomHistory::User(1), RandomHistory::User(2)};
      const auto of_users = [](const Event& e) { return e.user == 1 || e.user == 2; };
      expect(query, of_users, user);
      query.group_by = GroupBy::kNone;
      expect(query, of_users, {});
      query.filter.event_types = {RandomHistory::Type(0)};
      expect(query, [&](const Event& e) { return of_users(e) && e.type == 0; }, {});
      query.filter.user_ids.clear();
      expect(query, [](const Event& e) { return e.type == 0; }, {});
      // With beginnings of types, alone and beside every other way to ask.
      const auto of_two = [](const Event& e) { return e.type == 0 || e.type == 2; };
      query.filter.event_type_prefixes = {RandomHistory::Type(2)};
      expect(query, of_two, {});
      query.group_by = GroupBy::kEventType;
      expect(query, of_two, type);
      query.filter.user_ids = {RandomHistory::User(1), RandomHistory::User(2)};
      expect(query, [&](const Event& e) { return of_users(e) && of_two(e); }, type);
      query.filter.event_types.clear();
      query.group_by = GroupBy::kNone;
      expect(query, [&](const Event& e) { return of_users(e) && e.type == 2; }, {});
      query.filter.user_ids.clear();
      expect(query, [](const Event& e) { return e.type == 2; }, {});
      query.aggregate_id = RandomHistory::Aggregate(0);
      expect(query, [](const Event& e) { return e.aggregate == 0 && e.type == 2; }, {});
      query.aggregate_id.reset();
      query.correlation_id = RandomHistory::Correlation(0);
      expect(query, [](const Event& e) { return e.correlation == 0 && e.type == 2; }, {});
      for (int a = 0; a < RandomHistory::kAggregates; ++a) {
        domain::CountQuery of_aggregate;
        of_aggregate.range = range;
        of_aggregate.aggregate_id = RandomHistory::Aggregate(a);
        expect(of_aggregate, [&](const Event& e) { return e.aggregate == a; }, {});
        of_aggregate.group_by = GroupBy::kUser;
        expect(of_aggregate, [&](const Event& e) { return e.aggregate == a; }, user);
      }
      for (int c = 0; c < RandomHistory::kCorrelations; ++c) {
        domain::CountQuery of_correlation;
        of_correlation.range = range;
        of_correlation.correlation_id = RandomHistory::Correlation(c);
        expect(of_correlation, [&](const Event& e) { return e.correlation == c; }, {});
      }
    }
  }

  static domain::TimeRange Middle() {
    // Neither end is that of a chunk.
    return {RandomHistory::kStart + kDays / 4 * domain::kMicrosPerDay + 40'000'000'000,
            RandomHistory::kStart + kDays * 3 / 4 * domain::kMicrosPerDay + 50'000'000'000};
  }

  void DropBefore(int day) {
    kept_from_ = RandomHistory::kStart + day * domain::kMicrosPerDay;
    database_.DropPartitionsBefore(kept_from_);
  }

  const RandomHistory history_{GetParam(), kDays, 600};
  domain::TimeMicros kept_from_ = domain::kMinTime;
};

TEST_P(DirectoryTest, EveryReadGivesTheSameWhateverIsClosed) {
  history_.Insert(database_);
  {
    SCOPED_TRACE("all open");
    ExpectAllReads();
  }
  Close(15);
  {
    SCOPED_TRACE("half closed");
    ExpectAllReads();
    EXPECT_EQ(ExpectVerified(database_.conninfo()), static_cast<std::int64_t>(history_.events().size()));
  }
  Close(1'000);
  {
    SCOPED_TRACE("all closed");
    ExpectAllReads();
    ExpectVerified(database_.conninfo());
  }
  DropBefore(10);
  {
    SCOPED_TRACE("dropped");
    ExpectAllReads();
    ExpectVerified(database_.conninfo());
  }
  Close(1'000);
  {
    SCOPED_TRACE("forgotten");
    EXPECT_EQ(database_.Execute("SELECT count(*) FROM closed_chunks WHERE range_start < '2020-01-11'")[0][0].as<int>(),
              0);
    EXPECT_EQ(database_.Execute("SELECT count(*) FROM chunk_users WHERE range_start < '2020-01-11'")[0][0].as<int>(),
              0);
    EXPECT_EQ(
        database_.Execute("SELECT count(*) FROM chunk_aggregates WHERE range_start < '2020-01-11'")[0][0].as<int>(), 0);
    ExpectAllReads();
    ExpectVerified(database_.conninfo());
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, DirectoryTest, ::testing::Values(1U, 2U, 3U));

}  // namespace
}  // namespace eventstore::testing
